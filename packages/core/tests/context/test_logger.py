"""The logger: silent on replay, with the fields of what runs."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from durable_core import DurableContext, RetryDecision, current_step
from durable_core.lowlevel import Instrumentation

ARN_END = "/order-1/e0"


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def texts(self) -> list[str]:
        return [record.getMessage() for record in self.records]


@pytest.fixture
def lines(bench: Any) -> Lines:
    """What the bench's logger writes."""
    kept = Lines()
    logger = logging.Logger("test", logging.DEBUG)  # noqa: LOG001
    logger.addHandler(kept)
    bench.environment["logger"] = logger
    return kept


async def one() -> int:
    return 1


async def noisy(event: Any, context: DurableContext) -> None:
    context.logger.info("begin")
    await context.step("a", one)
    context.logger.info("after a")
    await context.wait("w", 5)
    context.logger.info("after w")
    await context.step("b", one)
    context.logger.info("after b")


@pytest.mark.parametrize("tells_updates", [True, False])
def test_each_line_is_written_once_though_the_workflow_is_replayed(
    bench: Any,
    lines: Lines,
    tells_updates: bool,  # noqa: FBT001
) -> None:
    bench.tells_updates = tells_updates
    bench.finish(noisy)
    assert lines.texts == ["begin", "after a", "after w", "after b"]


def test_replay_may_be_logged_too(bench: Any, lines: Lines) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        context.configure_logger(mode_aware=False)
        await noisy(event, context)

    bench.finish(handler)
    assert lines.texts == ["begin", "after a", "begin", "after a", "after w", "after b"]


def test_a_logger_that_replays_is_not_enabled(bench: Any, lines: Lines) -> None:
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        seen.append(context.logger.isEnabledFor(logging.INFO))
        await context.wait(5)
        await context.step(one)
        seen.append(context.logger.isEnabledFor(logging.INFO))
        seen.append(context.logger.isEnabledFor(logging.DEBUG - 1))

    bench.finish(handler)
    assert seen == [True, False, True, False]


def test_every_method_logs_at_its_level_with_its_caller(bench: Any, lines: Lines) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        log = context.logger
        log.debug("d %s", 1)
        log.info("i")
        log.warning("w")
        log.error("e")
        log.critical("c")
        log.log(35, "l %s %s", 1, 2)
        try:
            raise LookupError("x")  # noqa: TRY301
        except LookupError:
            log.exception("ex")

    bench.invoke(handler)
    assert [(r.levelno, r.getMessage()) for r in lines.records] == [
        (10, "d 1"),
        (20, "i"),
        (30, "w"),
        (40, "e"),
        (50, "c"),
        (35, "l 1 2"),
        (40, "ex"),
    ]
    assert {r.funcName for r in lines.records} == {"handler"}
    assert lines.records[-1].exc_info is not None
    assert lines.records[0].exc_info is None


def test_lines_carry_the_fields_of_what_runs_and_the_callers(bench: Any, lines: Lines) -> None:
    attempts: list[int] = []

    async def step() -> int:
        current_step().logger.info("in step", extra={"mine": 1})
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError
        return 1

    async def child(context: DurableContext) -> None:
        context.logger.info("in child")
        await context.step("s", step, retry_strategy=lambda e, n: RetryDecision.retry(1))

    async def handler(event: Any, context: DurableContext) -> None:
        context.logger.info("in handler", extra={"requestId": "mine"})
        await context.run_in_child_context("c", child)
        await context.run_in_child_context(None, unnamed)

    async def unnamed(context: DurableContext) -> None:
        context.logger.info("unnamed")
        await context.unrecorded(outside, context.logger)

    async def outside(logger: Any) -> None:
        logger.info("outside")

    bench.environment |= {
        "invocation_id": "i-1",
        "tenant_id": "t",
        "log_fields": {"service": "orders"},
    }
    assert bench.finish(handler).status == "SUCCEEDED"
    fields = ("requestId", "tenantId", "service", "operationName", "attempt", "mine")
    assert [
        (r.getMessage(), *(getattr(r, field, None) for field in fields)) for r in lines.records
    ] == [
        ("in handler", "mine", "t", "orders", None, None, None),
        ("in child", "i-1", "t", "orders", "c", None, None),
        ("in step", "i-1", "t", "orders", "s", 1, 1),
        ("in step", "i-1", "t", "orders", "s", 2, 1),
        ("unnamed", "i-1", "t", "orders", None, None, None),
        ("outside", "i-1", "t", "orders", None, None, None),
    ]
    ids = [getattr(r, "operationId", None) for r in lines.records]
    assert ids[0] is None
    assert ids[1] == bench.service.named("c").id
    assert ids[2] == ids[3] == bench.service.named("s").id
    assert all(getattr(r, "executionArn").endswith(ARN_END) for r in lines.records)  # noqa: B009


def test_plugins_add_fields(bench: Any, lines: Lines) -> None:
    class Traces(Instrumentation):
        def log_fields(self) -> dict[str, Any]:
            return {"traceId": "t-1"}

    class Nothing(Instrumentation):
        def log_fields(self) -> None:
            return None

    async def handler(event: Any, context: DurableContext) -> None:
        context.logger.info("x")

    bench.plugins = [Traces(), Nothing()]
    bench.invoke(handler)
    assert lines.records[0].traceId == "t-1"  # type: ignore[attr-defined]


class Bound:
    """A logger of structlog's kind: fields are keywords."""

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def bind(self, **fields: Any) -> Bound:
        return self

    def info(self, message: str, *args: Any, **fields: Any) -> None:
        self.lines.append((message, args, fields))


class Plain:
    """A logger of stdlib's kind that is not stdlib's."""

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def info(self, message: str, *args: Any, **options: Any) -> None:
        self.lines.append((message, args, options))


def test_a_logger_that_binds_gets_fields_as_keywords(bench: Any, lines: Lines) -> None:
    bound, plain = Bound(), Plain()

    async def handler(event: Any, context: DurableContext) -> None:
        context.configure_logger(logger=bound)
        context.logger.info("hello", "arg", extra={"n": 1}, exc_info=True)  # noqa: LOG014, PLE1205
        assert context.logger.isEnabledFor(logging.DEBUG)
        context.configure_logger(mode_aware=True)
        context.configure_logger(logger=plain)
        context.logger.info("again")

    assert bench.invoke(handler).status == "SUCCEEDED"
    ((message, args, fields),) = bound.lines
    assert (message, args, fields["n"], fields["exc_info"]) == ("hello", ("arg",), 1, True)
    assert fields["executionArn"].endswith(ARN_END)
    ((message, args, options),) = plain.lines
    assert (message, args, set(options)) == ("again", (), {"extra", "stacklevel"})
    assert lines.texts == []


def test_nothing_is_logged_while_the_workflow_is_discarded(bench: Any, lines: Lines) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        try:
            await context.wait(5)
        finally:
            context.logger.info("finally")
            assert not context.logger.isEnabledFor(logging.CRITICAL) or bench.invocations == 2

    bench.invoke(handler)
    assert lines.texts == []
    bench.finish(handler)
    assert lines.texts == ["finally"]


def test_by_default_lines_go_to_the_logger_durable(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        context.logger.warning("hello")

    bench.invoke(handler)
    assert [(r.name, r.getMessage()) for r in caplog.records] == [("durable", "hello")]
