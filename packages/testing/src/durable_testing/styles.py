"""How an operation's status looks on a terminal."""

from __future__ import annotations

from typing import Final

from durable_core.lowlevel import OperationStatus

STATUS_STYLES: Final = {
    OperationStatus.STARTED: "cyan",
    OperationStatus.PENDING: "yellow",
    OperationStatus.READY: "cyan",
    OperationStatus.SUCCEEDED: "green",
    OperationStatus.FAILED: "red",
    OperationStatus.CANCELLED: "dim",
    OperationStatus.TIMED_OUT: "red",
    OperationStatus.STOPPED: "red",
}
