"""Takes a person, a source or an uploader out of a manifest and of all that was made from it, for good."""
