"""What a workflow loop refuses, and what a task cannot be made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_core._engine.future import DurableFuture
from durable_core._values.errors import WorkflowIOError

if TYPE_CHECKING:
    from collections.abc import Callable

FORBIDDEN = (
    "run_forever",
    "run_until_complete",
    "stop",
    "close",
    "set_task_factory",
    "call_soon_threadsafe",
    "run_in_executor",
    "set_default_executor",
    "shutdown_default_executor",
    "getaddrinfo",
    "getnameinfo",
    "create_connection",
    "create_server",
    "create_unix_connection",
    "create_unix_server",
    "create_datagram_endpoint",
    "connect_accepted_socket",
    "connect_read_pipe",
    "connect_write_pipe",
    "start_tls",
    "sendfile",
    "subprocess_exec",
    "subprocess_shell",
    "add_reader",
    "remove_reader",
    "add_writer",
    "remove_writer",
    "sock_recv",
    "sock_recv_into",
    "sock_recvfrom",
    "sock_recvfrom_into",
    "sock_sendall",
    "sock_sendto",
    "sock_connect",
    "sock_accept",
    "sock_sendfile",
    "add_signal_handler",
    "remove_signal_handler",
)


def refusal(method: str) -> Callable[..., Any]:
    """What stands in the place of a method that workflow code must not call."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise WorkflowIOError(
            f"workflow code called loop.{method}(): it runs again on every replay, so it must not "
            "touch networks, processes, threads or files. Put the call in a step: "
            "`await context.step(fn, ...)`; or, for I/O that may repeat on every replay, "
            "`await context.unrecorded(fn, ...)`."
        )

    refuse.__name__ = method
    return refuse


def no_coroutine(given: object, error: TypeError) -> TypeError:
    """The error for a task of something else than a coroutine; of a handle it says what to do."""
    if not isinstance(given, DurableFuture):
        return error
    return TypeError(
        f"a coroutine was expected, got the handle {given!r}: it stands for what runs already, so "
        "await it as it is; for a task that waits for it use asyncio.ensure_future(handle)"
    )
