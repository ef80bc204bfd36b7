from __future__ import annotations

import copy
from typing import Any

import pytest

from durable_core.lowlevel import (
    CheckpointRequest,
    CheckpointResponse,
    ErrorObject,
    Operation,
    OperationUpdate,
)
from durable_testing.model import (
    Effect,
    FunctionConfig,
    Invocation,
    Invoke,
    ServiceConfig,
    ServiceError,
    ServiceModel,
    StartMode,
    StartRequest,
    seeded_ids,
)
from durable_testing.model.execution import Execution

HOUR = 3600
FUNCTIONS = (
    FunctionConfig(name="f", execution_timeout_seconds=24 * HOUR),
    FunctionConfig(name="child", execution_timeout_seconds=HOUR, aliases={"live": "1"}),
    FunctionConfig(name="plain"),
)


class Stage:
    """One execution on a model, and the hand that plays handler, clock and world."""

    def __init__(self, **limits: Any) -> None:
        self.model = ServiceModel(FUNCTIONS, new_id=seeded_ids(), config=ServiceConfig(**limits))
        self.now = 1_000_000
        self.arn = ""
        self.token = ""
        self.invocation = ""
        self.calls = 0

    @property
    def execution(self) -> Execution:
        return self.model.state.executions[self.arn]

    @property
    def status(self) -> str:
        return self.model.get_execution(self.arn).status.value

    def start(self, payload: str | None = "{}", mode: StartMode = StartMode.EMBEDDED) -> str:
        request = StartRequest("f", payload, "run", "1", mode)
        self.arn = self.model.start_execution(request, self.now).execution_arn
        return self.arn

    def begin(self, arn: str | None = None) -> Invocation:
        """Act on the Invoke effect of the execution; there must be exactly one."""
        arn = arn or self.arn
        assert [e for e in self.effects() if isinstance(e, Invoke) and e[0] == arn]
        invocation = self.model.begin_invocation(arn, self.now)
        assert invocation is not None
        self.invocation = invocation.invocation_id
        self.token = invocation.input.checkpoint_token
        return invocation

    def run(self, *updates: OperationUpdate) -> CheckpointResponse:
        """Start, begin and checkpoint."""
        self.start()
        self.begin()
        return self.send(*updates)

    def request(self, *updates: OperationUpdate, call: str = "") -> CheckpointRequest:
        return CheckpointRequest(self.arn, self.token, updates, call)

    def send(self, *updates: OperationUpdate, call: str = "") -> CheckpointResponse:
        response = self.model.checkpoint(self.request(*updates, call=call), self.now)
        self.token = response.checkpoint_token or "none"
        return response

    def refusal(self, *updates: OperationUpdate) -> str:
        """Checkpoint what must be refused; nothing may have changed."""
        before = self.picture()
        with pytest.raises(ServiceError) as caught:
            self.model.checkpoint(self.request(*updates), self.now)
        assert self.picture() == before
        return str(caught.value)

    def end(self, output: Any) -> None:
        self.model.end_invocation(self.arn, self.invocation, output, self.now)

    def suspend(self) -> None:
        self.end({"Status": "PENDING"})

    def crash(self, message: str = "boom") -> None:
        error = ErrorObject(message, "Runtime.ExitError")
        self.model.fail_invocation(self.arn, self.invocation, error, self.now)

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * 1000)
        self.model.fire_due(self.now)

    def effects(self) -> list[Effect]:
        effects = self.model.take_effects()
        self.calls += sum(isinstance(effect, Invoke) for effect in effects)
        return effects

    def record(self, operation_id: str) -> Operation:
        return self.execution.records[operation_id]

    def events(self) -> list[str]:
        return [event.type.value for event in self.model.history(self.arn)]

    def picture(self) -> dict[str, Any]:
        """All there is to know of the execution and of what the model owes."""
        slots = {name: getattr(self.execution, name) for name in Execution.__slots__}
        state = self.model.state
        return copy.deepcopy({**slots, "effects": state.effects, "all": sorted(state.executions)})


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def limited() -> type[Stage]:
    return Stage
