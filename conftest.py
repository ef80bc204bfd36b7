"""What every test of the repository needs."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

# A shell's background jobs ignore SIGINT, and so would the processes that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What a developer or a CI server has set must not speak to tests, nor to what they start: where the
# AWS API and a collector are, which database is meant, how output looks.
FAMILIES = ("AWS_", "OTEL_", "DURABLE_")
KEPT = {"DURABLE_CRASH_SEED"}
LOOKS = {
    *("FORCE_COLOR", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PY_COLORS", "TTY_COMPATIBLE"),
    *("GITHUB_ACTIONS", "PYTEST_ADDOPTS", "COLUMNS", "LINES"),
}
for name in [*os.environ]:  # noqa: TID251  the tests' own
    if name in LOOKS or (name.startswith(FAMILIES) and name not in KEPT):
        del os.environ[name]  # noqa: TID251

# How long an example takes is the machine's affair; Hypothesis sees to that by itself only on CI.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
