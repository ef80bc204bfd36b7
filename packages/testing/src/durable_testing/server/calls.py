"""One API call as the operations see it, and what they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from durable_testing.model.errors import not_found
from durable_testing.server.schemas import CallbackPath, ExecutionPath
from durable_testing.server.violations import read_parameters

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from durable_testing.server.backend import Backend


class Call(NamedTuple):
    """One API call: taken apart, not yet judged."""

    backend: Backend
    label: str
    query: Mapping[str, Any]
    """Lists for what may be given more than once."""
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """What an operation answers: a JSON object, or text as it is."""

    body: Mapping[str, Any] | str = ""
    status: int = 200
    headers: Mapping[str, str] = {}


Operation: TypeAlias = "Callable[[Call], Awaitable[Answer]]"


def execution_arn(call: Call) -> str:
    """Return the execution a call names.

    Raises:
        ServiceError: It has not the form of one.
    """
    return read_parameters(ExecutionPath, {"DurableExecutionArn": call.label}).durable_execution_arn


def local_execution_arn(call: Call) -> str:
    """Return the execution a call names, of this Region and account (1.5).

    Raises:
        ServiceError: It has not the form of one, or belongs elsewhere.
    """
    arn = execution_arn(call)
    _, _, _, region, account, *_ = arn.split(":")
    config = call.backend.service.model.config
    if (region, account) != (config.region, config.account):
        raise not_found("Function not found")
    return arn


def callback_id(call: Call) -> str:
    """Return the callback a call names."""
    return read_parameters(CallbackPath, {"CallbackId": call.label}).callback_id
