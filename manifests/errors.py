"""The one error of the manifests room: its message is a sentence that says what to do."""


class ManifestError(Exception):
    """Something about a manifest, a recipe or their folder is wrong; the message is one clear sentence."""
