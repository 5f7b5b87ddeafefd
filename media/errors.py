"""The one error of this package."""


class MediaError(Exception):
    """A file or span that cannot be read or written as media; the message is one sentence that says what to do."""
