"""The reason why a metric has no number, which is no fault of anybody."""

from __future__ import annotations

from benchmark.errors import BenchmarkError


class NotApplicable(BenchmarkError):  # noqa: N818  (a finding that is stored in place of a number, rather than a failure)
    """No clip of the list is about this metric, or too few are; its text is one sentence that says why."""
