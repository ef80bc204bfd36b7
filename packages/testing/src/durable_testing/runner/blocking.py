"""Refuses in tests what asyncio does not see: sockets, processes and threads in workflow code."""

from __future__ import annotations

import inspect
import sys
import sysconfig
import threading
from asyncio import events
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from durable_core import WorkflowIOError
from durable_core.lowlevel import WorkflowLoop

if TYPE_CHECKING:
    from types import FrameType

REFUSED: Final = frozenset(
    {
        "_thread.start_joinable_thread",
        "_thread.start_new_thread",
        "ftplib.connect",
        "http.client.connect",
        "imaplib.open",
        "nntplib.connect",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.startfile",
        "os.system",
        "poplib.connect",
        "pty.spawn",
        "smtplib.connect",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.getnameinfo",
        "socket.sendmsg",
        "socket.sendto",
        "subprocess.Popen",
        "telnetlib.Telnet.open",
        "urllib.Request",
        "webbrowser.open",
    }
)
"""Audit events. Opening files is not one of them: whatever imports lazily does it."""
_CORE: Final = "durable_core"
_LOOP: Final = WorkflowLoop.__module__
_ALLOWED: Final = ("importlib", "logging")
_has_been_installed = False


def refuse_blocking_io() -> None:
    """Watch for it from now on, in this process; what is no workflow code is left alone."""
    global _has_been_installed  # noqa: PLW0603  an audit hook cannot be taken out again
    if _has_been_installed:
        return
    _has_been_installed = True
    sys.addaudithook(_look)
    if sys.version_info < (3, 12):
        _watch_threads()


def _watch_threads() -> None:
    """Do what the audit event of a thread's start does from 3.12 on."""
    start = threading.Thread.start

    @wraps(start)
    def watched(self: threading.Thread) -> None:
        _look("_thread.start_new_thread", ())
        start(self)

    threading.Thread.start = watched


def _look(event: str, _arguments: tuple[Any, ...]) -> None:
    if event not in REFUSED or not isinstance(events._get_running_loop(), WorkflowLoop):  # noqa: SLF001
        return
    culprit = _culprit(inspect.currentframe())
    if culprit is not None:
        place = f"{culprit.f_code.co_filename}:{culprit.f_lineno}"
        raise WorkflowIOError(
            f"workflow code caused {event!r} at {place}: it runs again on every replay, so it must "
            "not touch networks, processes or threads. Put the call in a step: "
            "`await context.step(fn, ...)`; or, for I/O that may repeat on every replay, "
            "`await context.unrecorded(fn, ...)`."
        )


def _culprit(frame: FrameType | None) -> FrameType | None:
    """Return the frame of workflow code that did it; None where it was somebody else.

    What the core calls itself, such as plugins and serdes, is no workflow code, and neither is an
    import or a log line.
    """
    own: FrameType | None = None
    outermost: FrameType | None = None
    while frame is not None:
        module = frame.f_globals.get("__name__") or ""
        top = module.partition(".")[0]
        if top in _ALLOWED:
            return None
        if top == _CORE:
            # A coroutine of the core awaits the body of a context.
            is_awaiting = frame.f_code.co_flags & inspect.CO_COROUTINE
            return (own or outermost) if module == _LOOP or is_awaiting else None
        outermost = frame
        if own is None and not frame.f_code.co_filename.startswith(_LIBRARIES):
            own = frame
        frame = frame.f_back
    return None


_LIBRARIES: Final = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {"<frozen", __file__}
)
