"""Retry, jitter, serdes, errors, durations, hook data: they know nothing of the rest."""
