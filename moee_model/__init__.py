"""MoEE: the model, its training and its generation."""
