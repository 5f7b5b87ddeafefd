"""Stages over the whole manifest: who is who, what is there twice, which split a clip belongs to."""

STAGES = ("identities", "duplicates", "splits")
