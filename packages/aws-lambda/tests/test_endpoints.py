from __future__ import annotations

import itertools

import botocore.session
import pytest
from botocore.config import Config
from botocore.endpoint_provider import EndpointProvider
from botocore.loaders import Loader

from durable_aws_lambda.endpoints import Endpoint, parse_endpoint, region_of, resolve_endpoint
from durable_core import ValidationError


@pytest.fixture(scope="module")
def botocore_endpoints():
    loader = Loader()
    rules = loader.load_service_model("lambda", "endpoint-rule-set-1")
    return EndpointProvider(rules, loader.load_data("partitions"))


@pytest.fixture(scope="module")
def regions():
    partitions = Loader().load_data("partitions")["partitions"]
    names = [name for partition in partitions for name in partition["regions"]]
    return [name for name in names if not name.endswith("-global")] + ["us-new-9"]


@pytest.mark.parametrize(
    ("fips", "dual_stack"), list(itertools.product(["true", "false"], repeat=2))
)
def test_every_region_is_found_where_botocore_finds_it(
    botocore_endpoints, regions, fips, dual_stack
):
    environ = {"AWS_USE_FIPS_ENDPOINT": fips, "AWS_USE_DUALSTACK_ENDPOINT": dual_stack}
    for region in regions:
        theirs = botocore_endpoints.resolve_endpoint(
            Region=region, UseFIPS=fips == "true", UseDualStack=dual_stack == "true"
        ).url
        assert resolve_endpoint(region, environ) == parse_endpoint(theirs)


@pytest.mark.parametrize(
    "environ",
    [
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"},
        {"AWS_ENDPOINT_URL_LAMBDA": "http://a:1", "AWS_ENDPOINT_URL": "http://b:2"},
        {"AWS_ENDPOINT_URL": "http://b:2", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        {"AWS_USE_FIPS_ENDPOINT": "True"},
        {"AWS_USE_DUALSTACK_ENDPOINT": "TRUE"},
    ],
)
def test_the_environment_is_read_as_botocore_reads_it(monkeypatch, environ):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    client = botocore.session.Session().create_client(
        "lambda",
        "eu-west-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",  # noqa: S106
        config=Config(retries={"max_attempts": 0}),
    )
    assert resolve_endpoint("eu-west-1", environ) == parse_endpoint(client.meta.endpoint_url)


def test_an_endpoint_url_may_carry_a_port_a_path_and_ipv6():
    assert parse_endpoint("http://[::1]:9001/base/") == Endpoint(
        "::1", 9001, is_tls=False, host_header="[::1]:9001", base_path="/base"
    )
    assert parse_endpoint("https://x:443") == Endpoint("x", 443, is_tls=True, host_header="x")


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://x", "localhost:9001", "http://", "http://x?y", "http://x/?y", "http://x/#y"),
        *("http://x:", "http://x:port", "http://x:1:2", "http://:80", "http://u@x", "http://x#y"),
        *("http://[::1", "http://[]", "http://[x]", "http://y[::1]", "http://[::1]y", "http://]"),
    ],
)
def test_what_is_no_url_is_refused(url):
    with pytest.raises(ValidationError, match="endpoint URL"):
        parse_endpoint(url)


def test_fips_does_not_go_with_an_endpoint_of_ones_own():
    environ = {"AWS_ENDPOINT_URL": "http://x", "AWS_USE_FIPS_ENDPOINT": "true"}
    with pytest.raises(ValidationError, match="unset AWS_USE_FIPS_ENDPOINT"):
        resolve_endpoint("eu-west-1", environ)


def test_the_region_comes_from_lambdas_variable_first():
    assert region_of({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}) == "a"
    assert region_of({"AWS_DEFAULT_REGION": "b"}) == "b"
    with pytest.raises(ValidationError, match="set AWS_REGION"):
        region_of({})
