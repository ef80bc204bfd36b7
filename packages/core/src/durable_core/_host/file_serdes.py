"""Large payloads by reference: the text in a file, the file's name and hash in the record."""
# pathlib takes longer to import than all serdes together.
# ruff: noqa: PTH103, PTH105, PTH108, PTH110, PTH113, PTH118, PTH120, PTH123

from __future__ import annotations

import os
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from durable_core._values.errors import CheckpointError, SerDesError, ValidationError
from durable_core._values.serdes import (
    DEFAULT_SERDES,
    NO_CONTEXT,
    JsonSerDes,
    SerDes,
    SerDesContext,
    decode_with,
    encode_with,
)
from durable_core._values.serdes_context import is_of_class

if TYPE_CHECKING:
    from collections.abc import Callable

THRESHOLD_BYTES: Final = 128 * 1024
"""Half of what the service takes as one result."""

_REFERENCE: Final = '{"$file":'
_JSON: Final = JsonSerDes()
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class FileSystemSerDes:
    """Writes what `inner` makes of a value into a file when it is large; small text stays inline.

    Files are named by their content, written whole or not at all, flushed to disk, and checked
    when read. Each host that may run the execution needs the same directory, by whatever path.
    Nothing deletes them: they are needed as long as the execution's history is.

    The record holds `{"$file": "ab/ab12….json", "sha256": …, "size": …, "preview": …}`. Reading and
    writing happen on the event loop.

    Args:
        directory: Where the files are kept; made when the first one is written.
        inner: What makes the text. Given as a context's default, it gives way to a class in an
            annotation, and what that asks for is stored in the same way.
        threshold_bytes: The size from which on a text goes into a file; 0 for all.
        preview: Makes of the value something short, of plain JSON, for those who read the record.
    """

    __slots__ = ("_directory", "_inner", "_preview", "_threshold_bytes")

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        inner: SerDes[Any] = DEFAULT_SERDES,
        threshold_bytes: int = THRESHOLD_BYTES,
        preview: Callable[[Any], Any] | None = None,
    ) -> None:
        if threshold_bytes < 0:
            raise ValidationError(f"threshold_bytes must be 0 or more; found {threshold_bytes!r}")
        self._directory = os.fspath(directory)
        self._inner = inner
        self._threshold_bytes = threshold_bytes
        self._preview = preview

    def with_inner(self, inner: SerDes[Any]) -> FileSystemSerDes:
        """The same storage for what another serdes makes; this one if its inner is not default."""
        if not is_of_class(type(self._inner), "is_replaceable"):
            return self
        return FileSystemSerDes(
            self._directory,
            inner=inner,
            threshold_bytes=self._threshold_bytes,
            preview=self._preview,
        )

    def serialize(self, value: Any, context: SerDesContext = NO_CONTEXT, /) -> str | None:
        """The text of `inner`, or a reference to the file that holds it."""
        return self.encode(value, context)[0]

    def deserialize(self, data: str | None, context: SerDesContext = NO_CONTEXT, /) -> Any:
        """The value; `SerDesError` if its file is missing or is not what was written."""
        if data is not None and data.startswith(_REFERENCE):
            data = self._fetched(data, context)
        return decode_with(self._inner, data, context)

    def encode(self, value: Any, context: SerDesContext = NO_CONTEXT, /) -> tuple[str | None, Any]:
        """The text or reference, and the value as it will be read back."""
        text, decoded = encode_with(self._inner, value, context)
        if text is None:
            return None, decoded
        content = text.encode()
        # Inline text that looks like a reference would be taken for one.
        if len(content) < self._threshold_bytes and not text.startswith(_REFERENCE):
            return text, decoded
        digest = sha256(content).hexdigest()
        reference: dict[str, Any] = {
            "$file": f"{digest[:2]}/{digest}.json",
            "sha256": digest,
            "size": len(content),
        }
        if self._preview is not None:
            reference["preview"] = self._preview(value)
        self._store(self._path(digest), content, context)
        return _JSON.serialize(reference, context), decoded

    def _path(self, digest: str) -> str:
        return os.path.join(self._directory, digest[:2], f"{digest}.json")

    def _store(self, path: str, content: bytes, context: SerDesContext) -> None:
        try:
            if not (os.path.isfile(path) and _read(path) == content):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                _write_atomically(path, content)
        except OSError as error:
            # A full or unreachable disk may be there again: the invocation is tried once more.
            message = f"{context} could not be written to {path}: {error}"
            raise CheckpointError(message, is_retryable=True) from error

    def _fetched(self, data: str, context: SerDesContext) -> str:
        reference = _JSON.deserialize(data, context)
        digest = reference.get("sha256")
        if not isinstance(digest, str) or _SHA256.fullmatch(digest) is None:
            raise SerDesError(f"{context} refers to a file without a valid sha256: {data[:200]}")
        path = self._path(digest)
        try:
            content = _read(path)
        except FileNotFoundError:
            raise SerDesError(
                f"{context} is in the file {path}, which is missing; each host that runs the "
                "execution needs the same directory, and the files as long as the history"
            ) from None
        except OSError as error:
            message = f"{context} could not be read from {path}: {error}"
            raise CheckpointError(message, is_retryable=True) from error
        if sha256(content).hexdigest() != digest:
            raise SerDesError(
                f"{context} is in the file {path}, which is not what was written: "
                f"{len(content)} bytes instead of {reference.get('size')}, or other ones"
            )
        return content.decode()


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _write_atomically(path: str, content: bytes) -> None:
    partial = f"{path}.{os.urandom(8).hex()}.partial"
    try:
        with open(partial, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        if os.path.exists(partial):
            os.unlink(partial)
        raise
    _flush_directory(os.path.dirname(path))


def _flush_directory(directory: str) -> None:
    """Make a new name durable; where a directory cannot be opened, the system does it unasked."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
