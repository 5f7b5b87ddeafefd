"""The one error of the curation room."""


class CurationError(Exception):
    """Wrong use or input: its message is one sentence that says what to do."""
