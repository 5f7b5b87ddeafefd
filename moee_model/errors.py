"""The model's own error: one sentence for the user that says what to do."""


class ModelError(Exception):
    """Wrong use or input of the model, its training or its generation; its text is one clear sentence."""
