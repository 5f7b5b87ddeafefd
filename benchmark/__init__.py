"""Scores systems on fixed protocols: exact metrics, numbers with intervals, bundles that verify."""
