"""Recorded operations: look-up, claims, ordered completions, divergence; structural ids."""
