"""Holds what goes over the wire against botocore's model of Lambda: names, types, constraints."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
    "timestamp": (int, float),
}
NOT_MODELLED = {
    "ValidationException": {"Type", "message"},
    "SerializationException": {"Type", "Message"},
}
"""Errors that no operation lists, with their members."""


def check_answer(http_response: Any, model: OperationModel, **_: Any) -> None:
    """Check one answer; registered with a client for `after-call`."""
    headers = http_response.headers
    if http_response.status_code >= 400:
        check_error(headers["x-amzn-errortype"], http_response, model)
        return
    assert http_response.status_code in (model.http.get("responseCode"), 202, 204), model.name
    shape = model.output_shape
    if shape is None or shape.serialization.get("payload"):
        return
    in_body = {
        name: member
        for name, member in shape.members.items()
        if not member.serialization.get("location")
    }
    body = json.loads(http_response.content or b"{}")
    check_members(in_body, shape.required_members, body, model.name)


def check_error(code: str, http_response: Any, model: OperationModel) -> None:
    body = json.loads(http_response.content)
    if code in NOT_MODELLED:
        assert body.keys() == NOT_MODELLED[code], (code, body)
        return
    shapes = {shape.name: shape for shape in model.error_shapes}
    assert code in shapes, f"{model.name} does not answer with {code}"
    shape = shapes[code]
    assert http_response.status_code == shape.metadata["error"]["httpStatusCode"], code
    assert body.keys() <= shape.members.keys(), (code, body)
    kind = "User" if shape.metadata["error"].get("senderFault") else "Service"
    assert body["Type"] == kind, code


def check_members(
    members: dict[str, Shape], required: list[str], value: dict[str, Any], path: str
) -> None:
    assert isinstance(value, dict), path
    assert value.keys() <= members.keys(), f"{path}: {value.keys() - members.keys()}"
    missing = {name for name in required if name in members} - value.keys()
    assert not missing, f"{path}: {missing}"
    for name, item in value.items():
        check_value(members[name], item, f"{path}.{name}")


def check_value(shape: Shape, value: Any, path: str) -> None:
    if shape.type_name == "structure":
        check_members(shape.members, shape.required_members, value, path)
    elif shape.type_name == "list":
        for item in value:
            check_value(shape.member, item, f"{path}[]")
    else:
        assert isinstance(value, TYPES[shape.type_name]), f"{path}: {value!r}"
        check_constraints(shape, value, path)


def check_constraints(shape: Shape, value: Any, path: str) -> None:
    if shape.type_name == "timestamp":
        assert value < 1e11, f"{path}: {value} is in milliseconds"
    if enum := getattr(shape, "enum", None):
        assert value in enum, f"{path}: {value}"
    size = len(value) if isinstance(value, str) else value
    assert shape.metadata.get("min", size) <= size <= shape.metadata.get("max", size), path
    pattern = shape.metadata.get("pattern")
    if pattern is not None:
        # The model writes a dash behind a range, which Python reads as another one.
        assert re.fullmatch(pattern.replace("0-9-_", r"0-9\-_"), value), f"{path}: {value}"
