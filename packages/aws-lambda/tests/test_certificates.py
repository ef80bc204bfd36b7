"""Whom the lean client trusts: Amazon's own authorities first, then all that the system trusts."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import botocore
import pytest

from durable_aws_lambda import certificates, connection
from durable_aws_lambda.certificates import trusting_amazon
from durable_aws_lambda.client import LambdaClient
from durable_core.lowlevel import CheckpointRequest

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
AUTHORITIES = Path(botocore.__file__).with_name("cacert.pem")
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:f:1/durable-execution/e-1/i-1"


@pytest.fixture
def trusted(monkeypatch, tmp_path, certificate):
    """What the system trusts: botocore's list and, after all of them, the loopback's."""
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(AUTHORITIES.read_bytes() + Path(certificate).read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    return bundle


@pytest.fixture
def checkpoint(lambda_environment, tls_server, monkeypatch):
    """Makes calls of a new client to the server that speaks TLS."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", tls_server.url)

    def make(calls: int) -> None:
        async def run() -> None:
            client = LambdaClient()
            for number in range(calls):
                await client.checkpoint(CheckpointRequest(ARN, "dA==", (), str(number)))
            client.close()

        asyncio.run(run())

    return make


def test_of_all_authorities_amazons_own_are_trusted_first(trusted):
    context = trusting_amazon()
    assert context is not None
    names = {
        value
        for authority in context.get_ca_certs()
        for part in authority["subject"]
        for key, value in part
        if key == "organizationName"
    }
    assert names == {"Amazon", "Starfield Technologies, Inc."}
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_an_endpoint_that_amazon_vouches_for_needs_no_other_authority(
    trusted, checkpoint, tls_server, monkeypatch
):
    monkeypatch.setattr(certificates, "AMAZONS_NAMES", (b"loopback test",))
    monkeypatch.setattr(connection, "trusting_all", None)
    checkpoint(2)
    assert [request.connection for request in tls_server.requests] == [1, 1]


def test_an_endpoint_that_somebody_else_vouches_for_is_reached_with_all_authorities(
    trusted, checkpoint, tls_server
):
    checkpoint(2)
    assert len({request.connection for request in tls_server.requests}) == 1
    assert len(tls_server.requests) == 2


@pytest.mark.parametrize("content", ["", "nothing", f"{BEGIN}Amazon{END}", f"{BEGIN}QW1hem9u{END}"])
def test_a_list_that_names_nobody_or_cannot_be_read_leaves_all_authorities(trusted, content):
    trusted.write_text(content, encoding="utf-8")
    assert trusting_amazon() is None


def test_without_a_file_all_authorities_are_trusted(trusted, monkeypatch, tmp_path):
    trusted.unlink()
    monkeypatch.setenv("SSL_CERT_DIR", str(AUTHORITIES.parent))
    assert trusting_amazon() is None


def test_a_bundle_of_the_users_own_is_trusted_as_it_is(trusted, certificate, monkeypatch):
    monkeypatch.setenv("AWS_CA_BUNDLE", certificate)
    assert trusting_amazon() is None
