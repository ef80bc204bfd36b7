"""Blocking I/O in workflow code: what the test kit refuses beyond what asyncio shows."""

from __future__ import annotations

import asyncio
import inspect
import logging
import logging.handlers
import os
import smtplib
import socket
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from durable_core import DurableContext, JsonSerDes, WorkflowIOError
from durable_core.lowlevel import Instrumentation, OperationDetails, Workflow
from durable_testing import DurableTestRunner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOWHERE = ("127.0.0.1", 9)


def connect() -> None:
    with socket.socket() as connection:
        connection.connect_ex(NOWHERE)


def bind() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))


def spawn() -> None:
    arguments = [sys.executable, "-c", ""]
    os.waitpid(os.posix_spawn(arguments[0], arguments, os.environ), 0)


def start_thread() -> None:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def start_pool() -> None:
    with ThreadPoolExecutor() as pool:
        pool.submit(int).result()


BLOCKING: dict[str, Callable[[], object]] = {
    "socket.connect": connect,
    "socket.bind": bind,
    "socket.getaddrinfo": lambda: socket.getaddrinfo("127.0.0.1", 9),
    "socket.gethostbyname": lambda: socket.gethostbyname("127.0.0.1"),
    "urllib.Request": lambda: urllib.request.urlopen("data:text/plain,x"),  # noqa: S310
    "subprocess.Popen": lambda: subprocess.run([sys.executable, "-c", ""], check=True),
    "os.system": lambda: os.system("true"),  # noqa: S605, S607
    "os.posix_spawn": spawn,
    "thread": start_thread,
    "_thread": start_pool,
}


@pytest.mark.parametrize("event", BLOCKING)
def test_it_is_refused_in_workflow_code_and_done_in_steps(event: str) -> None:
    call = BLOCKING[event]

    async def handler(event: Any, context: DurableContext) -> str:
        await context.step("plain", call_and_forget)
        await context.step("async", call_at_once)
        await context.unrecorded(call_and_forget)
        try:
            call()
        except WorkflowIOError as error:
            return str(error)
        return "it went unnoticed"

    def call_and_forget() -> None:
        call()

    async def call_at_once() -> None:
        call()

    result = DurableTestRunner(handler).run_sync()

    assert event in result.value
    assert f" at {__file__}:" in result.value
    assert "Put the call in a step" in result.value
    call()


def test_the_message_names_the_line_that_did_it() -> None:
    async def look() -> str:
        try:
            urllib.request.urlopen("http://127.0.0.1:9/")  # noqa: ASYNC210  the very thing
        except WorkflowIOError as error:
            return str(error)
        return "it went unnoticed"

    async def inner(child: DurableContext) -> str:
        return await look()

    async def handler(event: Any, context: DurableContext) -> list[str]:
        return [
            await look(),
            await context.run_in_child_context("child", inner),
            await asyncio.create_task(look()),
        ]

    result = DurableTestRunner(handler).run_sync()

    line = inspect.getsourcelines(look)[1] + 2
    for message in result.value:
        assert f"'urllib.Request' at {__file__}:{line}: " in message


def test_a_workflow_that_does_it_fails() -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        smtplib.SMTP("127.0.0.1", 9)

    result = DurableTestRunner(handler).run_sync()

    assert result.failed
    assert result.error is not None
    assert result.error.type == "durable_core.WorkflowIOError"


def test_an_import_may_do_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "does_it_once.py").write_text(
        "import threading\nthreading.Thread(target=int).start()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    async def handler(event: Any, context: DurableContext) -> str:
        import does_it_once  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

        return does_it_once.__name__

    assert DurableTestRunner(handler).run_sync().value == "does_it_once"


def test_logging_plugins_and_serdes_may_do_it() -> None:
    done: list[str] = []

    class Socket(Instrumentation):
        def operation_start(self, operation: OperationDetails) -> None:
            connect()
            done.append("plugin")

    class Elsewhere(JsonSerDes):
        def serialize(self, value: Any, context: Any = None) -> str | None:
            connect()
            done.append("serdes")
            return super().serialize(value, context)

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            connect()
            done.append("log")

    logger = logging.getLogger("durable.test-of-blocking")
    logger.propagate = False
    logger.addHandler(Handler())

    async def handler(event: Any, context: DurableContext) -> int:
        logger.warning("told")
        return await context.step("one", lambda: 1, serdes=Elsewhere())

    assert DurableTestRunner(Workflow(handler, plugins=(Socket,))).run_sync().value == 1
    assert set(done) == {"plugin", "serdes", "log"}
