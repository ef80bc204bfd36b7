"""Reads one HTTP/1.1 answer out of the bytes of a connection; does no I/O."""

from typing import NamedTuple

_NO_BODY = (204, 304)
_HEAD_END = b"\r\n\r\n"
MAX_HEAD_BYTES = 64 * 1024


class HttpResponse(NamedTuple):
    """A whole answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_reusable: bool
    """Whether the connection can carry another request."""


class BrokenResponseError(Exception):
    """What came is not an HTTP/1.1 answer, or not the whole of one."""


class ResponseReader:
    """Takes bytes as they come; `feed` returns the answer once it is whole."""

    __slots__ = ("_buffer", "_headers", "_status", "_version")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._status = 0
        self._version = ""
        self._headers: dict[str, str] = {}

    @property
    def has_begun(self) -> bool:
        """Whether any byte of the answer has come."""
        return bool(self._buffer) or self._status != 0

    def feed(self, data: bytes) -> HttpResponse | None:
        """Take bytes; return the answer when it is complete."""
        self._buffer += data
        while self._status == 0:
            if not self._read_head():
                return None
        return self._read_body()

    def feed_eof(self) -> HttpResponse:
        """Take the connection's end, which ends an answer of unknown length."""
        if self._status and not self._is_chunked and "content-length" not in self._headers:
            return self._response(bytes(self._buffer), is_reusable=False)
        raise BrokenResponseError("the connection ended before the answer did")

    @property
    def _is_chunked(self) -> bool:
        return self._headers.get("transfer-encoding", "").lower().endswith("chunked")

    def _read_head(self) -> bool:
        end = self._buffer.find(_HEAD_END)
        if end < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise BrokenResponseError("the answer's head has no end")
            return False
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + len(_HEAD_END)]
        self._version, status = _status_line(lines[0])
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise BrokenResponseError(f"not a header: {line!r}")
            headers[name.strip().lower()] = value.strip()
        if status >= 200:  # noqa: PLR2004  1xx is a notice before the answer
            self._status, self._headers = status, headers
        return True

    def _read_body(self) -> HttpResponse | None:
        if self._status in _NO_BODY:
            return self._response(b"", is_reusable=True)
        if self._is_chunked:
            return self._read_chunks()
        length = self._headers.get("content-length")
        if length is None:
            return None
        if not length.isdecimal():
            raise BrokenResponseError(f"not a length: {length!r}")
        if len(self._buffer) < int(length):
            return None
        # Bytes behind the answer belong to no request of ours: the connection is given up.
        is_exact = len(self._buffer) == int(length)
        return self._response(bytes(self._buffer[: int(length)]), is_reusable=is_exact)

    def _read_chunks(self) -> HttpResponse | None:
        body = bytearray()
        at = 0
        while True:
            line_end = self._buffer.find(b"\r\n", at)
            if line_end < 0:
                return None
            size = _chunk_size(bytes(self._buffer[at:line_end]))
            start = line_end + 2
            if size == 0:
                return self._after_chunks(start, bytes(body))
            if len(self._buffer) < start + size + 2:
                return None
            body += self._buffer[start : start + size]
            at = start + size + 2

    def _after_chunks(self, at: int, body: bytes) -> HttpResponse | None:
        """Skip the trailers, which end with an empty line."""
        while True:
            line_end = self._buffer.find(b"\r\n", at)
            if line_end < 0:
                return None
            if line_end == at:
                return self._response(body, is_reusable=len(self._buffer) == at + 2)
            at = line_end + 2

    def _response(self, body: bytes, *, is_reusable: bool) -> HttpResponse:
        wish = self._headers.get("connection", "").lower()
        keeps = wish == "keep-alive" if self._version == "HTTP/1.0" else wish != "close"
        return HttpResponse(self._status, self._headers, body, is_reusable and keeps)


def _status_line(line: str) -> tuple[str, int]:
    version, _, rest = line.partition(" ")
    code = rest.partition(" ")[0]
    if not version.startswith("HTTP/1.") or not code.isdecimal():
        raise BrokenResponseError(f"not a status line: {line[:80]!r}")
    return version, int(code)


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        raise BrokenResponseError(f"not a chunk size: {line[:80]!r}") from None
