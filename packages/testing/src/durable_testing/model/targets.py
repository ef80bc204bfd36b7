"""Which function a name means: name, name:qualifier, partial or full ARN (service 1.1, 3.7)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from durable_core.lowlevel import TENANT_ID_PATTERN
from durable_testing.model.errors import invalid_parameter

if TYPE_CHECKING:
    from durable_testing.model.config import ServiceConfig

_FORM: Final = re.compile(
    r"(?:(?P<arn>arn:aws[a-zA-Z-]*:lambda:)(?P<region>[a-z0-9-]+):)?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9\-_\.]+)(?::(?P<qualifier>[$a-zA-Z0-9\-_\.]+))?"
)


class Target(NamedTuple):
    """A function as a caller names it."""

    name: str
    qualifier: str | None
    region: str | None
    account: str | None


def parse_target(text: str) -> Target:
    """Read a function name in any form.

    Raises:
        ServiceError: InvalidParameterValue, it has none of the forms.
    """
    match = _FORM.fullmatch(text)
    if match is None or (text.startswith("arn:") and None in match.group("arn", "account")):
        raise invalid_parameter(f"Invalid function ARN '{text}'")
    return Target(match["name"], match["qualifier"], match["region"], match["account"])


def check_target(config: ServiceConfig, function_name: str, tenant_id: str | None) -> None:
    """Refuse a chained invoke of something that cannot be a target."""
    target = parse_target(function_name)
    if target.account not in (None, config.account):
        raise invalid_parameter("Cannot start a CHAINED_INVOKE on a function in another account.")
    if target.region not in (None, config.region):
        raise invalid_parameter("Cannot start a CHAINED_INVOKE on a function in another region.")
    if tenant_id is not None and not TENANT_ID_PATTERN.fullmatch(tenant_id):
        raise invalid_parameter(
            "TenantId must be 1 to 256 characters matching [a-zA-Z0-9._:/=+-@ ]."
        )
