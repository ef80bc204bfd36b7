"""The logger of workflow lines, ready for Lambda.

The runtime's own handler, where there is one, writes a record's extra fields as they are, so the
workflow's lines go through it. Where there is none (a custom runtime), a handler is added here.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LOGGER_NAME = "durable"


def workflow_logger() -> logging.Logger:
    """Return the logger of workflow lines, ready for Lambda when this is Lambda."""
    logger = logging.getLogger(LOGGER_NAME)
    if "AWS_LAMBDA_RUNTIME_API" in os.environ or "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        _prepare(logger, os.environ)
    return logger


def _prepare(logger: logging.Logger, environ: Mapping[str, str]) -> None:
    """Let INFO through, unless a level is set, and make sure that somebody writes."""
    if logger.level == logging.NOTSET and not environ.get("AWS_LAMBDA_LOG_LEVEL"):
        logger.setLevel(logging.INFO)
    if not logger.hasHandlers():
        # Late: the runtime has a handler of its own.
        from durable_aws_lambda.formatters import formatter_for  # noqa: PLC0415

        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(formatter_for(environ))
        logger.addHandler(handler)
