"""The service in memory: everything at once, nothing kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from durable_testing.model.errors import ServiceError
from durable_testing.store.errors import checkpoint_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_core.lowlevel import CheckpointRequest, CheckpointResponse, StatePage
    from durable_testing.model.effects import Effect
    from durable_testing.model.service import ServiceModel

R = TypeVar("R")


class MemoryService:
    """A `DurableService` that forgets everything with the process."""

    __slots__ = ("_now_ms", "_on_effect", "model")

    def __init__(
        self,
        model: ServiceModel,
        *,
        now_ms: Callable[[], int],
        on_effect: Callable[[Effect], object],
    ) -> None:
        self.model = model
        self._now_ms = now_ms
        self._on_effect = on_effect

    def apply(self, call: Callable[[ServiceModel, int], R]) -> R:
        """Call the model, hand out its effects, then answer; also when it refuses.

        Raises:
            ServiceError: The service refuses the call.
        """
        try:
            return call(self.model, self._now_ms())
        finally:
            self._release()

    def checkpoint(self, request: CheckpointRequest) -> CheckpointResponse:
        """Make all updates durable, or none; see `DurableService`."""
        try:
            return self.model.checkpoint(request, self._now_ms())
        except ServiceError as error:
            raise checkpoint_error(error) from error
        finally:
            self._release()

    def load_page(self, execution_arn: str, checkpoint_token: str, marker: str) -> StatePage:
        """Return the page behind `marker`; see `DurableService`."""
        try:
            return self.model.get_state(
                execution_arn, checkpoint_token, self._now_ms(), marker=marker
            )
        except ServiceError as error:
            raise checkpoint_error(error) from error
        finally:
            self._release()

    def _release(self) -> None:
        self.model.forget_changes()
        for effect in self.model.take_effects():
            self._on_effect(effect)
