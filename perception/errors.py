"""The one error class of perception."""


class PerceptionError(Exception):
    """A model is missing or unusable, or was used wrongly; the message is one sentence that says what to do."""
