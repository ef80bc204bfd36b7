"""The operation matrix as one Lambda function: `{"case": NAME}` says which operation, and its end.

It runs in the runtime's process; `DURABLE_MATRIX_CLIENT=boto3` picks the other client.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from durable_aws_lambda import durable_execution
from durable_core import (
    Branch,
    CompletionConfig,
    DurableContext,
    RetryPresets,
    StepSemantics,
    create_retry_strategy,
    create_wait_strategy,
    current_step,
)

CASES: dict[str, Any] = {}
NEVER = RetryPresets.none()
ONCE_MORE = RetryPresets.fixed(interval=timedelta(seconds=1))
TWICE = create_retry_strategy(max_attempts=2, initial_delay=timedelta(seconds=1))
LARGE = 200_000
TOO_LARGE = 300_000
SECOND = timedelta(seconds=1)
group_attempts: Counter[str] = Counter()
"""By execution, how often this process ran the group's first step."""


def case(fn: Any) -> Any:
    CASES[fn.__name__] = fn
    return fn


class CardDeclinedError(Exception):
    pass


def decline() -> None:
    raise CardDeclinedError("no funds")


async def value(what: Any = "done") -> Any:
    return what


def large(size: int = LARGE) -> str:
    return "ä" * (size // 2)


def second_attempt() -> int:
    attempt = current_step().attempt
    if attempt < 2:
        raise CardDeclinedError("not yet")
    return attempt


# --- step


@case
async def step_succeeds(context: DurableContext) -> Any:
    return await context.step("one", value, {"ü": [1, 2.5, None]})


@case
async def step_in_a_thread(context: DurableContext) -> Any:
    return await context.step("plain", lambda: "from a thread")


@case
async def step_fails(context: DurableContext) -> Any:
    return await context.step("charge", decline, retry_strategy=NEVER)


@case
async def step_retries(context: DurableContext) -> Any:
    return await context.step("charge", second_attempt, retry_strategy=ONCE_MORE)


@case
async def step_exhausts(context: DurableContext) -> Any:
    return await context.step("charge", decline, retry_strategy=TWICE)


@case
async def step_large(context: DurableContext) -> Any:
    return len(await context.step("large", large))


@case
async def step_too_large(context: DurableContext) -> Any:
    return await context.step("too-large", large, TOO_LARGE)


@case
async def step_fails_at_length(context: DurableContext) -> Any:
    def shout() -> None:
        raise CardDeclinedError("ü" * 400_000)

    return await context.step("shout", shout, retry_strategy=NEVER)


@case
async def name_too_long(context: DurableContext) -> Any:
    return await context.step("n" * 257, value)


@case
async def invoke_too_large(context: DurableContext) -> Any:
    return await context.invoke("echo", "echo", "x" * 1_100_000)


@case
async def step_at_most_once(context: DurableContext) -> Any:
    return await context.step("once", value, semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY)


# --- wait


@case
async def wait_suspends(context: DurableContext) -> Any:
    await context.wait("pause", SECOND)
    return await context.step("after", value)


@case
async def sleep_beside_a_step(context: DurableContext) -> Any:
    pause = context.wait("pause", SECOND)
    first = await context.step("beside", value)
    await pause
    return first


# --- invoke


@case
async def invoke_succeeds(context: DurableContext) -> Any:
    return await context.invoke("add", "adder", {"a": 1, "b": 2})


@case
async def invoke_fails(context: DurableContext) -> Any:
    return await context.invoke("add", "adder", {"a": 1})


@case
async def invoke_unqualified(context: DurableContext) -> Any:
    return await context.invoke("self", "matrix", {"case": "step_succeeds"})


@case
async def invoke_durable(context: DurableContext) -> Any:
    return await context.invoke(
        "self", context.host.invoked_function_arn, {"case": "wait_suspends"}
    )


@case
async def invoke_large(context: DurableContext) -> Any:
    return len(await context.invoke("echo", "echo", "x" * 900_000))


# --- callbacks


@case
async def callback_succeeds(context: DurableContext) -> Any:
    result, _ = await context.create_callback("answer", timeout=timedelta(minutes=5))
    return await result


@case
async def callback_fails(context: DurableContext) -> Any:
    result, _ = await context.create_callback("refuse", timeout=timedelta(minutes=5))
    return await result


@case
async def callback_times_out(context: DurableContext) -> Any:
    result, _ = await context.create_callback("silence", timeout=SECOND)
    return await result


@case
async def wait_for_callback_succeeds(context: DurableContext) -> Any:
    return await context.wait_for_callback("answer", submit, timeout=timedelta(minutes=5))


@case
async def wait_for_callback_fails(context: DurableContext) -> Any:
    return await context.wait_for_callback("refuse", submit, timeout=timedelta(minutes=5))


@case
async def wait_for_callback_times_out(context: DurableContext) -> Any:
    return await context.wait_for_callback("silence", submit, timeout=SECOND)


@case
async def wait_for_callback_cannot_submit(context: DurableContext) -> Any:
    return await context.wait_for_callback("broken", lambda _: decline(), retry_strategy=NEVER)


async def submit(callback_id: str) -> None:
    assert callback_id


# --- wait_for_condition


def polling(until: int) -> Any:
    return create_wait_strategy(
        should_continue_polling=lambda state: state < until,
        max_attempts=3,
        initial_delay=SECOND,
        backoff_rate=1,
    )


@case
async def condition_succeeds(context: DurableContext) -> Any:
    return await context.wait_for_condition(
        "count", lambda state: state + 1, initial_state=0, wait_strategy=polling(2)
    )


@case
async def condition_fails(context: DurableContext) -> Any:
    return await context.wait_for_condition(
        "count", lambda state: decline(), initial_state=0, wait_strategy=polling(2)
    )


@case
async def condition_exhausts(context: DurableContext) -> Any:
    return await context.wait_for_condition(
        "count", lambda state: state + 1, initial_state=0, wait_strategy=polling(99)
    )


# --- child contexts


@case
async def child_succeeds(context: DurableContext) -> Any:
    async def body(child: DurableContext, base: int) -> int:
        return base + await child.step("inner", value, 1)

    return await context.run_in_child_context("child", body, 41)


@case
async def child_fails(context: DurableContext) -> Any:
    async def body(child: DurableContext) -> None:
        await child.step("inner", decline, retry_strategy=NEVER)

    await context.run_in_child_context("child", body)


@case
async def child_suspends(context: DurableContext) -> Any:
    async def body(child: DurableContext) -> str:
        await child.wait("pause", SECOND)
        return await child.step("inner", value)

    return await context.run_in_child_context("child", body)


@case
async def child_large(context: DurableContext) -> Any:
    async def body(child: DurableContext) -> list[str]:
        return [await child.step("part", large) for _ in range(3)]

    parts = await context.run_in_child_context("child", body)
    await context.wait("replays the child", SECOND)
    return sum(map(len, parts))


# --- map and parallel


@case
async def map_succeeds(context: DurableContext) -> Any:
    async def body(child: DurableContext, item: int, index: int) -> int:
        return await child.step("square", value, item * item)

    return (await context.map("squares", [1, 2, 3], body)).results()


@case
async def map_fails(context: DurableContext) -> Any:
    async def body(child: DurableContext, item: int, index: int) -> None:
        await child.step("charge", decline, retry_strategy=NEVER)

    (await context.map("charges", [1], body)).throw_if_error()


@case
async def map_tolerates(context: DurableContext) -> Any:
    async def body(child: DurableContext, item: int, index: int) -> int:
        return await child.step("maybe", second_or_decline, item, retry_strategy=NEVER)

    batch = await context.map("some", [1, 2, 3], body, completion=CompletionConfig.all_completed())
    return {"ok": batch.success_count, "failed": batch.failure_count}


def second_or_decline(item: int) -> int:
    if item == 2:
        decline()
    return item


@case
async def map_suspends(context: DurableContext) -> Any:
    async def body(child: DurableContext, item: int, index: int) -> int:
        await child.wait("pause", SECOND)
        return item

    return (await context.map("pauses", [1, 2, 3], body, max_concurrency=2)).results()


@case
async def map_large(context: DurableContext) -> Any:
    async def body(child: DurableContext, item: int, index: int) -> str:
        return await child.step("part", large)

    batch = await context.map("parts", [1, 2, 3], body)
    await context.wait("replays the map", SECOND)
    return sum(map(len, batch.results()))


@case
async def parallel_succeeds(context: DurableContext) -> Any:
    async def right(child: DurableContext) -> int:
        return await child.step("right", value, 2)

    batch = await context.parallel(
        "both", [Branch("left", lambda child: child.step("left", value, 1)), right]
    )
    return batch.results()


@case
async def parallel_fails(context: DurableContext) -> Any:
    async def broken(child: DurableContext) -> None:
        await child.step("charge", decline, retry_strategy=NEVER)

    (await context.parallel("both", [broken])).throw_if_error()


@case
async def parallel_suspends(context: DurableContext) -> Any:
    async def pausing(child: DurableContext) -> str:
        await child.wait("pause", SECOND)
        return "rested"

    return (await context.parallel("both", [pausing, pausing])).results()


# --- combinators and with_retry


@case
async def promise_all(context: DurableContext) -> Any:
    return await context.promise.all("all", [context.step(f"n{n}", value, n) for n in range(3)])


@case
async def promise_all_settled(context: DurableContext) -> Any:
    steps = [context.step("ok", value), context.step("no", decline, retry_strategy=NEVER)]
    return [str(each.status) for each in await context.promise.all_settled("settled", steps)]


@case
async def promise_any(context: DurableContext) -> Any:
    steps = [context.step("no", decline, retry_strategy=NEVER), context.step("ok", value)]
    return await context.promise.any("any", steps)


@case
async def promise_any_fails(context: DurableContext) -> Any:
    return await context.promise.any("any", [context.step("no", decline, retry_strategy=NEVER)])


@case
async def promise_race_with_a_wait(context: DurableContext) -> Any:
    result, _ = await context.create_callback("silence", timeout=timedelta(minutes=5))
    return await context.promise.race("race", [result, context.wait("patience", SECOND)])


@case
async def group_retries(context: DurableContext) -> Any:
    async def attempt() -> int:
        group_attempts[context.execution.id] += 1
        return group_attempts[context.execution.id]

    async def body(child: DurableContext) -> str:
        if await child.step("first", attempt) == 1:
            raise CardDeclinedError("too early")
        return "in the second attempt"

    return await context.with_retry("group", body, retry_strategy=ONCE_MORE)


@case
async def group_exhausts(context: DurableContext) -> Any:
    async def body(child: DurableContext) -> None:
        raise CardDeclinedError("never")

    await context.with_retry("group", body, retry_strategy=TWICE)


# --- the handler itself


@case
async def handler_fails(context: DurableContext) -> Any:
    raise CardDeclinedError("the handler's own")


@case
async def handler_large(context: DurableContext) -> Any:
    """About what an asynchronous execution may return."""
    return large(1_000_000)


@case
async def handler_too_large_for_the_response(context: DurableContext) -> Any:
    """What the service takes as a result, but not with the envelope around it."""
    return "x" * (6 * 1024 * 1024 - 20)


@case
async def log_lines(context: DurableContext) -> Any:
    def body() -> None:
        context.logger.warning("in a step", extra={"amount": 3})
        try:
            decline()
        except CardDeclinedError:
            context.logger.exception("declined")

    await context.step("talk", body)
    await context.wait("pause", SECOND)
    context.logger.info("after the pause")


@case
async def dies_once(context: DurableContext) -> Any:
    """Tells its process id and hangs, unless an earlier process has."""
    return await context.step("deadly", hang_once)


def hang_once() -> str:
    note = Path(os.environ["DURABLE_MATRIX_NOTE"])
    if note.exists():
        return "survived"
    note.write_text(str(os.getpid()))
    while True:
        os.read(os.pipe()[0], 1)


@case
async def waits_for_a_file(context: DurableContext) -> Any:
    def body() -> str:
        note = Path(os.environ["DURABLE_MATRIX_NOTE"])
        note.with_suffix(".begun").touch()
        while not note.exists():
            time.sleep(0.02)
        return "there"

    return await context.step("look", body)


@case
async def many_short_steps(context: DurableContext) -> Any:
    async def body(number: int) -> int:
        await asyncio.sleep(0.4)
        return number

    return [await context.step(f"step-{number}", body, number) for number in range(10)]


@case
async def noted_steps(context: DurableContext) -> Any:
    """Each body notes that it ran; the waits bring the execution through several invocations."""
    who = context.execution.name

    def note(step: str) -> str:
        with Path(os.environ["DURABLE_MATRIX_NOTE"]).open("a") as notes:
            notes.write(f"{who} {step}\n")
        return step

    done = [await context.step("one", note, "one")]
    await context.wait("pause", SECOND)
    done.append(await context.step("two", note, "two"))
    await context.wait("pause", SECOND)
    done.append(await context.step("three", note, "three"))
    return done


def _client() -> Any:
    if os.environ.get("DURABLE_MATRIX_CLIENT") != "boto3":
        return None
    import boto3  # noqa: PLC0415

    return boto3.client("lambda")


@durable_execution(client=_client())
async def handler(event: dict[str, Any], context: DurableContext) -> Any:
    context.logger.info("case %s begins", event["case"], extra={"case": event["case"]})
    return await CASES[event["case"]](context)
