"""Where the workflow's log goes: standard error, as it stands at the moment."""

from __future__ import annotations

import logging
import sys
from typing import Final

LOGGER_NAME: Final = "durable"
_FORMAT: Final = "%(levelname)s %(message)s"


class StandardError(logging.Handler):
    """Prints on whatever standard error is now; while the tree is drawn, that is above it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        print(self.format(record), file=sys.stderr, flush=True)  # noqa: T201  a command line talks


def show_logs() -> None:
    """Show what `context.logger` is told, unless logging has been set up by the module."""
    logger = logging.getLogger(LOGGER_NAME)
    if logger.hasHandlers():
        return
    handler = StandardError()
    handler.setFormatter(logging.Formatter(_FORMAT))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
