from __future__ import annotations

import datetime as dt
import string
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from durable_aws_lambda.signing import (
    Credentials,
    Signer,
    UnsignedRequest,
    quote_label,
    quote_path,
)

PATH_TEXT = st.text(string.ascii_letters + string.digits + "-_.~%$:", min_size=1, max_size=30)
VALUES = st.text(string.ascii_letters + string.digits + "-_.~", min_size=1, max_size=20)


def botocore_authorization(
    request: UnsignedRequest, credentials: Credentials, now: float, monkeypatch: pytest.MonkeyPatch
) -> str:
    stamp = dt.datetime.fromtimestamp(now, dt.UTC).replace(tzinfo=None)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: stamp)
    url = f"https://{request.host}{request.path}"
    aws_request = AWSRequest(
        request.method,
        f"{url}?{request.query}" if request.query else url,
        headers={"Content-Type": "application/json"},
        data=request.body,
    )
    keys = BotocoreCredentials(
        credentials.access_key, credentials.secret_key, credentials.session_token
    )
    botocore.auth.SigV4Auth(keys, "lambda", "eu-west-1").add_auth(aws_request)
    return aws_request.headers["Authorization"]


def authorization_of(head: bytes) -> str:
    lines = head.decode().split("\r\n")
    return next(line for line in lines if line.startswith("authorization:")).partition(":")[2]


@given(
    method=st.sampled_from(["GET", "POST"]),
    # An ARN is never a dot segment, which botocore would take out of the path.
    label=PATH_TEXT.filter(lambda text: text not in (".", "..")),
    query=st.lists(VALUES, max_size=3).map(
        lambda values: "&".join(f"K{i}={value}" for i, value in enumerate(values))
    ),
    body=st.binary(max_size=200),
    token=st.one_of(st.none(), VALUES),
    now=st.integers(min_value=1_700_000_000, max_value=2_000_000_000),
)
def test_the_signature_is_the_one_botocore_computes(  # noqa: PLR0917
    method, label, query, body, token, now
):
    request = UnsignedRequest(method, "lambda.eu-west-1.amazonaws.com", f"/a/{label}", query, body)
    credentials = Credentials("AKID", "se/cret+", token)
    with pytest.MonkeyPatch.context() as patch:
        theirs = botocore_authorization(request, credentials, now, patch)
    ours = authorization_of(Signer("eu-west-1").head(request, credentials, now))
    assert ours == theirs


def test_the_head_says_all_but_what_nobody_signs():
    request = UnsignedRequest("POST", "h:1", "/p", "", b"{}")
    head = Signer("eu-west-1").head(request, Credentials("A", "S", "T"), 0.0).decode()
    first, *lines = head.removesuffix("\r\n").split("\r\n")
    assert first == "POST /p HTTP/1.1"
    assert [line.partition(":")[0] for line in lines] == [
        "content-type",
        "host",
        "x-amz-date",
        "x-amz-security-token",
        "authorization",
        "content-length",
    ]


def test_a_new_secret_or_day_makes_a_new_key():
    signer = Signer("eu-west-1")
    request = UnsignedRequest("GET", "h", "/p", "a=b", b"")
    first = Credentials("A", "one")
    heads = {
        signer.head(request, first, 0.0),
        signer.head(request, Credentials("A", "two"), 0.0),
        signer.head(request, first, 86_400.0),
    }
    assert len(heads) == 3
    assert signer.head(request, first, 0.0) in heads


@given(st.text(st.characters(codec="utf-8")))
def test_text_is_encoded_as_urllib_encodes_it(text):
    assert quote_label(text) == quote(text, safe="")
    assert quote_path(text) == quote(text, safe="/~")
