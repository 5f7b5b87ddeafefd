"""Measurements: programs that print ratios taken in one run; nothing here is asserted in tests."""
