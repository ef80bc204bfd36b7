"""A dozen handlers for the AWS Python SDK, unchanged Lambda code; ours are in test_server_peers.py.

One process runs them all: the execution's name says which, as `CASE-…`.
"""

import os
import pathlib
import signal

import boto3
from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python.config import (
    CallbackConfig,
    Duration,
    StepConfig,
    WaitForCallbackConfig,
)
from aws_durable_execution_sdk_python.exceptions import CallbackError, InvokeError
from aws_durable_execution_sdk_python.retries import RetryDecision
from aws_durable_execution_sdk_python.waits import (
    WaitForConditionConfig,
    WaitForConditionDecision,
)

SECOND = Duration.from_seconds(1)
CASES = {}
attempts = {}


def case(handler):
    CASES[handler.__name__] = durable_execution(handler)
    return handler


def retry_twice(_error, attempt):
    return RetryDecision.retry(SECOND) if attempt < 3 else RetryDecision.no_retry()


def answer(callback_id, result):
    boto3.client("lambda").send_durable_execution_callback_success(
        CallbackId=callback_id, Result=result
    )


@case
def steps(event, context):
    first = context.step(lambda _: event["n"] + 1, name="first")
    context.wait(SECOND, name="pause")
    return context.step(lambda _: first * 2, name="second")


@case
def retries(event, context):
    def flaky(_):
        attempts[event["key"]] = attempts.get(event["key"], 0) + 1
        if attempts[event["key"]] < 3:
            raise ValueError("not yet")
        return "at last"

    return context.step(flaky, name="flaky", config=StepConfig(retry_strategy=retry_twice))


@case
def child(event, context):
    def work(inner):
        value = inner.step(lambda _: event["n"], name="inside")
        inner.wait(SECOND, name="rest")
        return value + 1

    return context.run_in_child_context(work, name="group")


@case
def branches(event, context):
    return context.parallel(
        [
            lambda inner: inner.step(lambda _: "a", name="a"),
            lambda inner: inner.step(lambda _: "b", name="b"),
        ],
        name="both",
    ).get_results()


@case
def items(event, context):
    def double(inner, item, _index, _all):
        return inner.step(lambda _: item * 2, name="double")

    return context.map([1, 2, 3], double, name="each").get_results()


@case
def callback(event, context):
    awaited = context.create_callback("approval", CallbackConfig(timeout=Duration.from_minutes(5)))
    context.step(lambda _: answer(awaited.callback_id, '"yes"'), name="ask")
    return awaited.result()


@case
def submitted_callback(event, context):
    return context.wait_for_callback(
        lambda callback_id, _: answer(callback_id, '"done"'),
        name="approval",
        config=WaitForCallbackConfig(timeout=Duration.from_minutes(5)),
    )


@case
def callback_timeout(event, context):
    awaited = context.create_callback("approval", CallbackConfig(timeout=SECOND))
    try:
        return awaited.result()
    except CallbackError:
        return "nobody answered"


@case
def condition(event, context):
    def check(state, _):
        return state + 1

    def decide(state, _attempt):
        if state >= 3:
            return WaitForConditionDecision.stop_polling()
        return WaitForConditionDecision.continue_waiting(SECOND)

    config = WaitForConditionConfig(wait_strategy=decide, initial_state=0)
    return context.wait_for_condition(check, config, name="ready")


@case
def invoke_plain(event, context):
    return context.invoke("adder", [1, 2], name="add")


@case
def invoke_missing(event, context):
    try:
        return context.invoke("nowhere:1", {}, name="lost")
    except InvokeError:
        return "not found"


@case
def failure(event, context):
    context.step(lambda _: "fine", name="before")
    raise ValueError("out of stock")


@case
def nested(event, context):
    def outer(inner):
        def innermost(deep):
            return deep.step(lambda _: "deep", name="deep")

        return inner.run_in_child_context(innermost, name="inner")

    return context.run_in_child_context(outer, name="outer")


def dies_once(event, context):
    marker = pathlib.Path(event["key"])
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return context.step(lambda _: "alive", name="first")


CASES["dies_once"] = durable_execution(dies_once)


def handler(event, lambda_context):
    """Pick the case by the execution's name."""
    name = event["DurableExecutionArn"].split("/")[-2]
    return CASES[name.partition("-")[0]](event, lambda_context)


def adder(event, _lambda_context):
    """Plain."""
    return sum(event)
