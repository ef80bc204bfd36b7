"""Live progress: the execution's tree, drawn again and again while it runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.live import Live

from durable_testing.cli.around import around
from durable_testing.cli.tree import TreeView

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

    from durable_core.lowlevel import OperationDetails
    from durable_testing.model import ServiceModel

FRAME_SECONDS: Final = 0.1


class LiveView:
    """Draws one execution ten times a second, so that waits count down; use as `with`."""

    __slots__ = ("_arn", "_database", "_live", "_model", "_now_ms", "_task", "_view")

    def __init__(
        self,
        model: ServiceModel,
        execution_arn: str,
        now_ms: Callable[[], int],
        database: Path,
    ) -> None:
        self._model = model
        self._arn = execution_arn
        self._database = database
        self._now_ms = now_ms
        self._view = TreeView(is_whole=False)
        self._live = Live(
            console=Console(stderr=True), auto_refresh=False, vertical_overflow="ellipsis"
        )
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._live.__enter__()
        self._task = asyncio.get_running_loop().create_task(self._keep_drawing())
        return self

    def __exit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
        self._draw()
        self._live.__exit__(None, None, None)

    def changed(self) -> None:
        """Leave it to the next frame: thousands of changes a second cost no more than few."""

    def starting(self, _execution_arn: str, _operation: OperationDetails, /) -> None:
        """Leave it to the next frame."""

    async def _keep_drawing(self) -> None:
        while True:
            self._draw()
            await asyncio.sleep(FRAME_SECONDS)

    def _draw(self) -> None:
        description = self._model.get_execution(self._arn)
        operations = self._model.operations(self._arn)
        surroundings = around(self._model, self._arn, operations, self._database)
        tree = self._view.draw(description, operations, self._now_ms(), surroundings)
        self._live.update(tree, refresh=True)
