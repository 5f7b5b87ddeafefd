"""Engines run a function over sources; they know nothing of video."""
