"""What users hold: the contexts, the logger, the deterministic helpers."""
