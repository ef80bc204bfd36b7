"""The event of a run as text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from durable_core import DefaultSerDes, SerDesContext
from durable_core.lowlevel import encode_with, serdes_for_parameter

if TYPE_CHECKING:
    from durable_core.lowlevel import Workflow


def event_text(event: Any, workflow: Workflow | None = None) -> str | None:
    """Return an event as JSON; what JSON does not hold, as the workflow's serdes writes it."""
    try:
        return json.dumps(event, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError):
        serdes = DefaultSerDes() if workflow is None else workflow.serdes or DefaultSerDes()
        if workflow is not None:
            serdes = serdes_for_parameter(workflow.fn, 0, serdes)
        return encode_with(serdes, event, SerDesContext(entity="event"))[0]
