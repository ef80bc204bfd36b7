"""Runnable, tested durable workflows."""
