from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_aws_lambda.response import (
    MAX_HEAD_BYTES,
    BrokenResponseError,
    HttpResponse,
    ResponseReader,
)

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Y: z\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;ext=1\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: t\r\n\r\n"
)
NOTICED = b"HTTP/1.1 100 Continue\r\n\r\n" + LENGTH


def read(pieces: list[bytes]) -> HttpResponse:
    reader = ResponseReader()
    for piece in pieces[:-1]:
        assert reader.feed(piece) is None
    response = reader.feed(pieces[-1])
    assert response is not None
    return response


@pytest.mark.parametrize("message", [LENGTH, CHUNKED, NOTICED])
@given(data=st.data())
def test_an_answer_reads_the_same_however_it_is_cut(message, data):
    cuts = sorted(data.draw(st.sets(st.integers(1, len(message) - 1), max_size=5)))
    edges = [0, *cuts, len(message)]
    pieces = [message[a:b] for a, b in itertools.pairwise(edges)]
    response = read(pieces)
    assert (response.status, response.body, response.is_reusable) == (200, b"hello", True)


def test_header_names_are_lower_case():
    assert read([LENGTH]).headers == {"content-length": "5", "x-y": "z"}


@pytest.mark.parametrize(
    ("message", "is_reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1", False),
        (CHUNKED + b"more", False),
    ],
)
def test_a_connection_is_used_again_only_where_both_sides_agree(message, is_reusable):
    assert read([message]).is_reusable is is_reusable


def test_an_answer_without_a_length_ends_with_its_connection():
    reader = ResponseReader()
    assert not reader.has_begun
    assert reader.feed(b"HTTP/1.1 200 OK\r\n\r\nhel") is None
    assert reader.feed(b"lo") is None
    assert reader.has_begun
    assert reader.feed_eof() == HttpResponse(200, {}, b"hello", is_reusable=False)


@pytest.mark.parametrize("cut", [0, 10, len(LENGTH) - 1])
def test_an_answer_cut_short_is_no_answer(cut):
    reader = ResponseReader()
    reader.feed(LENGTH[:cut])
    with pytest.raises(BrokenResponseError, match="ended before"):
        reader.feed_eof()


def test_chunks_cut_short_are_no_answer():
    for cut in range(60, len(CHUNKED)):
        reader = ResponseReader()
        assert reader.feed(CHUNKED[:cut]) is None
        with pytest.raises(BrokenResponseError):
            reader.feed_eof()


@pytest.mark.parametrize(
    "message",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"x" * (MAX_HEAD_BYTES + 1),
    ],
)
def test_what_is_not_http_is_refused(message):
    with pytest.raises(BrokenResponseError):
        ResponseReader().feed(message)
