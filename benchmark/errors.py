"""The benchmark's own error: one sentence for the user that says what to do."""


class BenchmarkError(Exception):
    """Wrong use or input of the benchmark; its text is one clear sentence."""
