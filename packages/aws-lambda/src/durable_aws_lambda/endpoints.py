"""Where the Lambda API is, as botocore resolves it (a test compares the two for every region)."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from durable_core import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Endpoint(NamedTuple):
    """A place to connect to. `host_header` carries the port where it is not the scheme's own."""

    host: str
    port: int
    is_tls: bool
    host_header: str
    base_path: str = ""


class Partition(NamedTuple):
    """How a partition's host names end."""

    region_prefix: str
    dns_suffix: str
    dual_stack_suffix: str


PARTITIONS: tuple[Partition, ...] = (
    Partition("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    Partition("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    Partition("us-gov-", "amazonaws.com", "api.aws"),
    Partition("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    Partition("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    Partition("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    Partition("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    Partition("", "amazonaws.com", "api.aws"),
)
"""botocore's `partitions.json`, the first match counts. All of them have FIPS and dual-stack."""

_PORTS = {"http": 80, "https": 443}
_URL = r"(https?)://(\[[0-9a-fA-F:.]+\]|[^/:?#@\[\]]+)(?::(\d+))?(/[^?#]*|)"


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
    parts = re.fullmatch(_URL, url, re.IGNORECASE)
    if parts is None:
        raise ValidationError(f"{url!r} is not an http(s) endpoint URL")
    scheme, host, port_text, path = parts.groups()
    scheme = scheme.lower()
    port = int(port_text or _PORTS[scheme])
    return Endpoint(
        host=host.strip("[]"),
        port=port,
        is_tls=scheme == "https",
        host_header=host if port == _PORTS[scheme] else f"{host}:{port}",
        base_path=path.rstrip("/"),
    )


def _configured_url(environ: Mapping[str, str]) -> str | None:
    if _is_true(environ, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        return None
    return environ.get("AWS_ENDPOINT_URL_LAMBDA") or environ.get("AWS_ENDPOINT_URL") or None


def _host(region: str, *, is_fips: bool, is_dual: bool) -> str:
    partition = next(p for p in PARTITIONS if region.startswith(p.region_prefix))
    service = "lambda-fips" if is_fips else "lambda"
    suffix = partition.dual_stack_suffix if is_dual else partition.dns_suffix
    return f"{service}.{region}.{suffix}"


def _is_true(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").strip().lower() == "true"
