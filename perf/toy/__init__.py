"""The proof of the mixture in the toy world: training, what is measured, its page."""
