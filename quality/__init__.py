"""Judges: screening, measurements, Great Expectations suites, verdicts. Makes nothing."""
