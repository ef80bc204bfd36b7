"""Seed: Logging."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from durable_core import RetryPresets, StepError, current_step

if TYPE_CHECKING:
    from durable_core import DurableContext


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def messages(self) -> list[str]:
        return [record.getMessage() for record in self.records]


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def logger(lines: Lines) -> logging.Logger:
    found = logging.getLogger("seed")
    found.setLevel(logging.DEBUG)
    found.handlers = [lines]
    return found


async def process_data() -> str:
    current_step().logger.debug("Step executing")
    return "result"


async def fail() -> None:
    raise ValueError("bad data")


def test_lines_are_written_once_although_the_workflow_replays(
    run: Any, lines: Lines, logger: logging.Logger
) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        context.configure_logger(logger=logger)
        context.logger.info("Processing started", extra={"userId": event["userId"]})
        result = await context.step("process", process_data)
        await context.wait(seconds=1)
        context.logger.info("Processing completed", extra={"result": result})
        return result

    assert run(handler, {"userId": "u-1"}).value == "result"
    assert lines.messages() == ["Processing started", "Step executing", "Processing completed"]


def test_an_error_is_logged_with_its_exception(
    run: Any, lines: Lines, logger: logging.Logger
) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        context.configure_logger(logger=logger)
        try:
            await context.step(fail, retry_strategy=RetryPresets.none())
        except StepError:
            context.logger.exception("Processing failed")
            raise

    assert run(handler).status == "FAILED"
    assert lines.messages() == ["Processing failed"]
    assert lines.records[0].exc_info is not None


def test_lines_are_shown_on_every_replay_when_the_logger_is_not_mode_aware(
    run: Any, lines: Lines, logger: logging.Logger
) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        context.configure_logger(logger=logger, mode_aware=False)
        context.logger.info("here")
        await context.step(process_data)
        await context.wait(seconds=1)

    run(handler)
    assert lines.messages().count("here") == 2


def test_the_mode_can_be_changed_without_naming_a_logger(
    run: Any, lines: Lines, logger: logging.Logger
) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        context.configure_logger(logger=logger)
        context.configure_logger(mode_aware=False)
        context.logger.info("here")
        await context.wait(seconds=1)

    run(handler)
    assert lines.messages() == ["here", "here"]
