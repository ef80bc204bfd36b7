"""All handlers, deployed."""

import importlib

from conformance.handlers.registry import FUNCTIONS, REQUIREMENTS

SUITES = (
    "step",
    "wait",
    "child",
    "callback",
    "invoke",
    "wait_for_condition",
    "wait_for_callback",
    "parallel",
    "map",
    "plugin",
)

for _suite in SUITES:
    importlib.import_module(f"conformance.handlers.{_suite}")

__all__ = ("FUNCTIONS", "REQUIREMENTS", "SUITES")
