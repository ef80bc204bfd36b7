"""How the process of a run ends: no thread that a workflow left behind keeps it from doing so."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Coroutine

R = TypeVar("R")

GRACE_SECONDS: Final = 0.5
"""How long threads may take to end by themselves."""


class Census:
    """The threads there were before a workflow ran; those it leaves behind do not count."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before = set(threading.enumerate())

    def left_behind(self) -> list[threading.Thread]:
        """Return the threads that would keep the process, after their grace."""
        give_up_at = time.monotonic() + GRACE_SECONDS
        threads = [
            thread
            for thread in threading.enumerate()
            if thread not in self._before and not thread.daemon
        ]
        for thread in threads:
            thread.join(max(give_up_at - time.monotonic(), 0))
        return [thread for thread in threads if thread.is_alive()]

    def run(self, main: Coroutine[Any, Any, R]) -> R:
        """Run on a loop of its own, as `asyncio.run` does, without waiting for blocked threads."""
        threads = ThreadPoolExecutor(thread_name_prefix="durable-default")
        runner = asyncio.Runner()
        runner.get_loop().set_default_executor(threads)
        try:
            return runner.run(main)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            if not self.left_behind():
                runner.close()

    def leave(self, code: int) -> NoReturn:
        """End the command with this exit code."""
        if self.left_behind():
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        raise typer.Exit(code)
