from __future__ import annotations

import asyncio
import datetime as dt
import json

import pytest

from durable_aws_lambda.credentials import (
    BotocoreCredentials,
    EnvironmentCredentials,
    credential_source,
)
from durable_aws_lambda.signing import Credentials
from durable_core.lowlevel import CheckpointError


@pytest.fixture
def bare_environment(monkeypatch, tmp_path):
    """No credentials anywhere."""
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path


def test_the_environment_is_read_anew_for_each_request():
    environ = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c"}
    source = credential_source(environ)
    assert isinstance(source, EnvironmentCredentials)
    assert asyncio.run(source.current()) == Credentials("a", "b", "c")
    environ.update(AWS_ACCESS_KEY_ID="x", AWS_SESSION_TOKEN="")
    assert asyncio.run(source.current()) == Credentials("x", "b", None)


def test_without_keys_in_the_environment_botocores_chain_is_asked():
    assert isinstance(credential_source({"AWS_ACCESS_KEY_ID": "a"}), BotocoreCredentials)


def test_a_profile_is_found(bare_environment):
    (bare_environment / "credentials").write_text(
        "[default]\naws_access_key_id = p\naws_secret_access_key = q\n"
    )
    source = BotocoreCredentials()

    async def twice():
        return [await source.current(), await source.current()]

    assert asyncio.run(twice()) == [Credentials("p", "q", None)] * 2


def test_container_credentials_are_refreshed_when_they_end(
    bare_environment, monkeypatch, server, replies
):
    """What SnapStart uses: the address and the token stand in the environment, no key does."""
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/creds")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret-token")
    now = dt.datetime.now(dt.UTC)

    def keys(number, lifetime):
        ends = (now + lifetime).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {"AccessKeyId": f"k{number}", "SecretAccessKey": "s", "Token": "t"}
        return replies.Reply(200, json.dumps({**body, "Expiration": ends}).encode())

    server.script += [
        keys(1, dt.timedelta(seconds=30)),
        keys(2, dt.timedelta(hours=6)),
    ]
    source = BotocoreCredentials()

    async def three_times():
        return [(await source.current()).access_key for _ in range(3)]

    assert asyncio.run(three_times())[1:] == ["k2", "k2"]
    assert server.requests[0].headers["authorization"] == "secret-token"
    assert len(server.requests) == 2


def test_no_credentials_at_all_are_reported_as_such(bare_environment):
    with pytest.raises(CheckpointError, match="no AWS credentials") as caught:
        asyncio.run(BotocoreCredentials().current())
    assert caught.value.is_retryable
