"""Where the Lambda API is, as botocore resolves it (a test compares the two for every region)."""

import os
from collections.abc import Mapping
from typing import Final, NamedTuple

from durable_core import ValidationError


class Endpoint(NamedTuple):
    """A place to connect to. `host_header` carries the port where it is not the scheme's own."""

    host: str
    port: int
    is_tls: bool
    host_header: str
    base_path: str = ""


PARTITIONS: Final = (
    ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("us-gov-", "amazonaws.com", "api.aws"),
    ("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    ("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    ("", "amazonaws.com", "api.aws"),
)
"""How a partition's regions begin, and how its host names end, without dual-stack and with it.

botocore's `partitions.json`, the first match counts. All of them have FIPS and dual-stack.
"""

_PORTS = {"http": 80, "https": 443}
_NOT_IN_A_HOST = frozenset("?#@[")
_IPV6 = frozenset("0123456789abcdefABCDEF:.")


def region_of(environ: Mapping[str, str]) -> str:
    """Return the region the process runs in."""
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise ValidationError("no region: set AWS_REGION (Lambda does)")
    return region


def resolve_endpoint(region: str, environ: Mapping[str, str] | None = None) -> Endpoint:
    """Return the endpoint that the environment and the region ask for."""
    environ = os.environ if environ is None else environ
    is_fips = _is_true(environ, "AWS_USE_FIPS_ENDPOINT")
    is_dual_stack = _is_true(environ, "AWS_USE_DUALSTACK_ENDPOINT")
    url = _configured_url(environ)
    if url is None:
        return parse_endpoint(f"https://{_host(region, is_fips=is_fips, is_dual=is_dual_stack)}")
    if is_fips or is_dual_stack:
        raise ValidationError(
            f"the endpoint {url} is given: unset AWS_USE_FIPS_ENDPOINT and "
            "AWS_USE_DUALSTACK_ENDPOINT, or the AWS_ENDPOINT_URL variable"
        )
    return parse_endpoint(url)


def parse_endpoint(url: str) -> Endpoint:
    """Read an endpoint URL."""
    # By hand: compiling a pattern for it takes longer than the rest of the first call.
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    own_port = _PORTS.get(scheme.lower())
    place = _split_authority(authority)
    if own_port is None or place is None or "?" in path or "#" in path:
        raise ValidationError(f"{url!r} is not an http(s) endpoint URL")
    host, port_text = place
    port = int(port_text or own_port)
    return Endpoint(
        host=host.strip("[]"),
        port=port,
        is_tls=scheme.lower() == "https",
        host_header=host if port == own_port else f"{host}:{port}",
        base_path=(slash + path).rstrip("/"),
    )


def _split_authority(authority: str) -> tuple[str, str] | None:
    """The host, in brackets if it is an IPv6 address, and the text of the port, if there is one."""
    head, bracket, tail = authority.rpartition("]")
    name, colon, port = tail.partition(":")
    if bracket:
        is_host = head[:1] == "[" and _IPV6.issuperset(head[1:]) and len(head) > 1 and not name
    else:
        is_host = bool(name) and _NOT_IN_A_HOST.isdisjoint(name)
    if not is_host or (colon and not (port.isascii() and port.isdigit())):
        return None
    return head + bracket + name, port


def _configured_url(environ: Mapping[str, str]) -> str | None:
    if _is_true(environ, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        return None
    return environ.get("AWS_ENDPOINT_URL_LAMBDA") or environ.get("AWS_ENDPOINT_URL") or None


def _host(region: str, *, is_fips: bool, is_dual: bool) -> str:
    _, dns, dual_stack = next(row for row in PARTITIONS if region.startswith(row[0]))
    service = "lambda-fips" if is_fips else "lambda"
    return f"{service}.{region}.{dual_stack if is_dual else dns}"


def _is_true(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").strip().lower() == "true"
