"""The `durable` command from its first line: Ctrl-C while it still imports is a clean end too."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

INTERRUPTED_EXIT: Final = 130


def main() -> None:
    """Run the command."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave_at_once)
    # What is imported here and by the subcommands takes long enough to be interrupted.
    from durable_testing.cli.main import app  # noqa: PLC0415

    app()


def leave_at_once(_number: int, _frame: FrameType | None) -> None:
    """End the process: an exception would come out in the middle of an import."""
    leave("interrupted")


def leave(message: str) -> None:
    """End the process with a last word, whatever it was doing."""
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"durable: {message}\n".encode())
    os._exit(INTERRUPTED_EXIT)
