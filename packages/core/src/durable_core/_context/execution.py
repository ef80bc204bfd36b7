"""What a workflow may know of its execution."""

from datetime import datetime
from typing import NamedTuple


class ExecutionInfo(NamedTuple):
    """The execution, and the invocation that runs it now.

    Attributes:
        id: The execution's ARN.
        name: Its name.
        started_at: When it started, UTC.
        invocation_id: This invocation, where the host tells; differs on every replay.
        first_invocation: Whether nothing was recorded before this invocation.
        tenant_id: The tenant, where there is one.
    """

    id: str
    name: str
    started_at: datetime
    invocation_id: str | None
    first_invocation: bool
    tenant_id: str | None = None
