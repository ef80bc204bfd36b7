"""Every kind of operation raises the same error on the first run and on every replay."""

from __future__ import annotations

from typing import Any

import pytest

from durable_core import (
    ChildContextError,
    CompletionConfig,
    DurableContext,
    DurableOperationError,
    InvokeError,
    RetryPresets,
    SerDesError,
    StepError,
    StepSemantics,
    WaitDecision,
)
from durable_core.lowlevel import ErrorObject, Event

NEVER = RetryPresets.none()


class PaymentError(Exception):
    """An error of the user's."""


async def fails(*_: Any) -> Any:
    raise PaymentError("declined: 'ü'")


async def fails_in_context(context: DurableContext, *_: Any) -> Any:
    await context.step("s", fails, retry_strategy=NEVER)


async def raises_in_context(context: DurableContext, *_: Any) -> Any:
    raise PaymentError("declined: 'ü'")


def answer(bench: Any, name: str, trigger: Event) -> Any:
    async def body() -> None:
        bench.service.happen(name, trigger, error=ErrorObject("m", "Denied", "d", ("line",)))

    return body


async def by_step(context: DurableContext, bench: Any) -> Any:
    await context.step("op", fails, retry_strategy=NEVER)


async def by_step_at_most_once(context: DurableContext, bench: Any) -> Any:
    semantics = StepSemantics.AT_MOST_ONCE_PER_RETRY
    await context.step("op", fails, retry_strategy=NEVER, semantics=semantics)


async def by_child(context: DurableContext, bench: Any) -> Any:
    await context.run_in_child_context("op", raises_in_context)


async def by_nested_child(context: DurableContext, bench: Any) -> Any:
    await context.run_in_child_context("op", fails_in_context)


async def by_condition(context: DurableContext, bench: Any) -> Any:
    await context.wait_for_condition(
        "op", fails, initial_state=0, wait_strategy=lambda state, attempt: WaitDecision.stop()
    )


async def by_map_item(context: DurableContext, bench: Any) -> Any:
    batch = await context.map("op", [1], raises_in_context)
    raise batch.errors()[0]


async def by_flat_item(context: DurableContext, bench: Any) -> Any:
    from durable_core import NestingType  # noqa: PLC0415

    completion = CompletionConfig.all_completed()
    batch = await context.map(
        "op", [1], fails_in_context, completion=completion, nesting=NestingType.FLAT
    )
    raise batch.errors()[0]


async def by_batch(context: DurableContext, bench: Any) -> Any:
    (await context.parallel("op", [fails_in_context])).throw_if_error()


async def by_all(context: DurableContext, bench: Any) -> Any:
    await context.promise.all("op", [context.step("s", fails, retry_strategy=NEVER)])


async def by_race_of_a_child(context: DurableContext, bench: Any) -> Any:
    await context.promise.race("op", [context.run_in_child_context("c", raises_in_context)])


async def by_settled(context: DurableContext, bench: Any) -> Any:
    settled = await context.promise.all_settled(
        "op", [context.step("s", fails, retry_strategy=NEVER)]
    )
    assert settled[0].error is not None
    raise settled[0].error


async def by_any(context: DurableContext, bench: Any) -> Any:
    await context.promise.any("op", [context.step("s", fails, retry_strategy=NEVER)])


async def by_retried_group(context: DurableContext, bench: Any) -> Any:
    await context.with_retry("op", fails_in_context, retry_strategy=NEVER)


async def by_submitter(context: DurableContext, bench: Any) -> Any:
    await context.wait_for_callback("op", fails, retry_strategy=NEVER)


async def by_invoke(context: DurableContext, bench: Any) -> Any:
    handle = context.invoke("op", "f")
    await context.step("answer", answer(bench, "op", Event.FAIL))
    await handle


async def by_invoke_timed_out(context: DurableContext, bench: Any) -> Any:
    handle = context.invoke("op", "f")
    await context.step("answer", answer(bench, "op", Event.TIME_OUT))
    await handle


async def by_callback(context: DurableContext, bench: Any) -> Any:
    result, _ = await context.create_callback("op")
    await context.step("answer", answer(bench, "op", Event.FAIL))
    await result


async def by_callback_timed_out(context: DurableContext, bench: Any) -> Any:
    result, _ = await context.create_callback("op")
    await context.step("answer", answer(bench, "op", Event.TIME_OUT))
    await result


async def by_serdes(context: DurableContext, bench: Any) -> Any:
    async def unwritable() -> Any:
        return object()

    await context.step("op", unwritable)


KINDS = [entry for name, entry in list(globals().items()) if name.startswith("by_")]
EXPECTED = {
    "by_step": (StepError, f"{__name__}.PaymentError"),
    "by_child": (ChildContextError, f"{__name__}.PaymentError"),
    "by_map_item": (ChildContextError, f"{__name__}.PaymentError"),
    "by_invoke": (InvokeError, "Denied"),
}


def fields(error: Any) -> dict[str, Any]:
    shown = {"class": type(error), "text": str(error), "args": error.args}
    for field in ("message", "error_type", "data", "stack_trace", "operation_id", "operation_name"):
        shown[field] = getattr(error, field, None)
    if isinstance(error, DurableOperationError):
        shown["caused"] = error.is_caused_by(PaymentError), error.is_caused_by("PaymentError")
    shown["errors"] = [fields(inner) for inner in getattr(error, "errors", ())]
    return shown


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_equal_in_class_and_fields(cut: Any, kind: Any) -> None:
    seen: list[dict[str, Any]] = []

    async def handler(event: Any, context: DurableContext) -> None:
        try:
            await kind(context, cut)
        except Exception as error:  # noqa: BLE001
            seen.append(fields(error))
        await context.wait(1)
        await context.wait(1)

    assert cut.finish(handler).status == "SUCCEEDED"
    assert len(seen) >= 3
    assert all(entry == seen[0] for entry in seen), seen
    expected = EXPECTED.get(kind.__name__)
    if expected is not None:
        assert (seen[0]["class"], seen[0]["error_type"]) == expected
    if kind is by_serdes:
        assert seen[0]["class"] is SerDesError
    if seen[0]["error_type"] == f"{__name__}.PaymentError":
        assert seen[0]["caused"] == (True, True)
        assert seen[0]["message"] == "declined: 'ü'"
        assert any("raise PaymentError" in line for line in seen[0]["stack_trace"])
