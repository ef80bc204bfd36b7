"""Asks something of an execution, whichever process runs it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

from durable_core.lowlevel import SystemClock
from durable_testing.cli.errors import UsageError
from durable_testing.cli.session import LOCAL_CONFIG
from durable_testing.model import ServiceError
from durable_testing.store.errors import StoreError
from durable_testing.store.sqlite import SqliteService

if TYPE_CHECKING:
    from pathlib import Path

    from durable_testing.store.outside import OutsideRequest


def ask(database: Path, request: OutsideRequest) -> None:
    """Deliver a request, and wait until it has been taken.

    Raises:
        UsageError: It was refused, or there is no such database.
    """
    if not database.exists():
        raise UsageError(f"there is no database {database}; name the file with --db")
    try:
        asyncio.run(_deliver(database, request))
    except ServiceError as error:
        raise UsageError(error.message) from None
    except StoreError as error:
        raise UsageError(str(error)) from None


async def _deliver(database: Path, request: OutsideRequest) -> None:
    service = SqliteService(
        database,
        now_ms=SystemClock().now_ms,
        new_id=lambda: str(uuid4()),
        # What follows from the answer is done by the process that goes on with the execution.
        on_effect=lambda _effect: None,
        config=LOCAL_CONFIG,
    )
    async with service:
        await service.deliver(request)
