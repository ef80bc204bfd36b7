from __future__ import annotations

import json
import logging
import sys

import pytest

from durable_aws_lambda.formatters import JsonFormatter, TextFormatter, formatter_for
from durable_aws_lambda.logs import LOGGER_NAME, workflow_logger

INT_SAYS = "invalid literal for int() with base 10: 'too much'"


@pytest.fixture
def durable_logger(monkeypatch):
    """The workflow's logger as a fresh process has it, below a root without handlers."""
    logger = logging.getLogger(LOGGER_NAME)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    logger.manager._clear_cache()
    for name in ("AWS_LAMBDA_LOG_LEVEL", "AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_RUNTIME_API"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    yield logger
    logger.manager._clear_cache()


def record(message="paid %s", args=("A-1",), exc_info=None, **extra):
    made = logging.makeLogRecord(
        {
            "levelname": "INFO",
            "levelno": logging.INFO,
            "msg": message,
            "args": args,
            "exc_info": exc_info,
            "created": 1767356934.93,
            "msecs": 930.0,
        }
    )
    made.__dict__.update(extra)
    return made


def failure():
    try:
        int("too much")
    except ValueError:
        return sys.exc_info()


def test_a_json_line_has_the_documented_fields_then_the_callers():
    line = JsonFormatter().format(
        record(
            aws_request_id="set by the runtime",
            operationName="pay",
            executionArn="arn",
            requestId="r-1",
            operationId="1",
            attempt=2,
            tenantId="t-1",
            amount=3,
            level="mine",
        )
    )
    assert list(json.loads(line).items()) == [
        ("timestamp", "2026-01-02T12:28:54.930Z"),
        ("level", "INFO"),
        ("message", "paid A-1"),
        ("requestId", "r-1"),
        ("executionArn", "arn"),
        ("operationId", "1"),
        ("operationName", "pay"),
        ("attempt", 2),
        ("tenantId", "t-1"),
        ("amount", 3),
    ]


def test_an_exception_becomes_three_fields():
    line = json.loads(JsonFormatter().format(record(exc_info=failure())))
    assert (line["errorType"], line["errorMessage"]) == ("ValueError", INT_SAYS)
    assert "in failure" in line["stackTrace"][0]


def test_a_value_json_cannot_say_is_written_as_text():
    line = json.loads(JsonFormatter().format(record(where=object, exc_info=(None, None, None))))
    assert line["where"] == "<class 'object'>"


def test_text_has_the_fields_behind_the_message():
    line = TextFormatter().format(record(requestId="r-1", operationName="pay", tenantId=None))
    assert line == "[INFO]\t2026-01-02T12:28:54.930Z\tr-1\tpaid A-1\toperationName=pay"
    assert TextFormatter().format(record()).endswith("\t\tpaid A-1")


def test_text_ends_with_a_traceback():
    line = TextFormatter().format(record(exc_info=failure()))
    assert line.splitlines()[1] == "Traceback (most recent call last):"
    assert line.endswith(f"ValueError: {INT_SAYS}")


@pytest.mark.parametrize(
    ("log_format", "kind"),
    [("JSON", JsonFormatter), ("json", JsonFormatter), ("Text", TextFormatter)],
)
def test_the_functions_log_format_decides(log_format, kind):
    assert type(formatter_for({"AWS_LAMBDA_LOG_FORMAT": log_format})) is kind
    assert type(formatter_for({})) is TextFormatter


def test_without_a_handler_one_writes_to_standard_output(durable_logger, monkeypatch, capsys):
    monkeypatch.setenv("AWS_LAMBDA_LOG_FORMAT", "JSON")
    monkeypatch.setattr(durable_logger, "propagate", False)
    assert workflow_logger() is durable_logger
    workflow_logger().info("hello", extra={"executionArn": "arn"})
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["executionArn"] == "arn"


def test_the_runtimes_handler_is_used_where_there_is_one(durable_logger):
    lines = []

    class RuntimeHandler(logging.Handler):
        def emit(self, record):
            lines.append(record.executionArn)

    logging.getLogger().handlers.append(RuntimeHandler())
    workflow_logger().info("hello", extra={"executionArn": "arn"})
    assert lines == ["arn"]
    assert durable_logger.handlers == []


def test_info_is_let_through_unless_a_level_is_set(durable_logger, monkeypatch):
    workflow_logger()
    assert durable_logger.level == logging.INFO
    durable_logger.setLevel(logging.NOTSET)
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", "ERROR")
    workflow_logger()
    assert durable_logger.level == logging.NOTSET


def test_elsewhere_nothing_is_touched(durable_logger, monkeypatch):
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME")
    workflow_logger()
    assert (durable_logger.handlers, durable_logger.level) == ([], logging.NOTSET)
