"""Where credentials come from: the environment, which is what Lambda gives, or botocore's chain.

Nothing is read at import: a restored snapshot gets the credentials of the process it became.
"""

from __future__ import annotations

import asyncio
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from durable_aws_lambda.signing import Credentials
from durable_core.lowlevel import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Mapping


class CredentialSource(Protocol):
    """Gives the credentials of the moment."""

    async def current(self) -> Credentials:
        """Return credentials that are valid now; refreshes them where that is due."""
        ...


class EnvironmentCredentials:
    """`AWS_ACCESS_KEY_ID` and its fellows, read anew for every request: no import, no I/O."""

    __slots__ = ("_environ",)

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    async def current(self) -> Credentials:
        """Return what stands in the environment."""
        environ = self._environ
        return Credentials(
            environ["AWS_ACCESS_KEY_ID"],
            environ["AWS_SECRET_ACCESS_KEY"],
            environ.get("AWS_SESSION_TOKEN") or None,
        )


class BotocoreCredentials:
    """botocore's provider chain: container (SnapStart, ECS), profile, role, instance.

    Its providers read files and call endpoints, so they work in a thread of the loop's default
    executor. Signing with credentials that are still good needs no thread.
    """

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: Any = None

    async def current(self) -> Credentials:
        """Return frozen credentials; botocore refreshes them before they end."""
        if self._found is None or self._is_refresh_due():
            frozen = await asyncio.to_thread(self._load)
        else:
            frozen = self._found.get_frozen_credentials()
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)

    def _is_refresh_due(self) -> bool:
        due = getattr(self._found, "refresh_needed", None)
        return due is not None and bool(due())

    def _load(self) -> Any:
        if self._found is None:
            # Slow, so only where it is needed.
            self._found = import_module("botocore.session").Session().get_credentials()
        if self._found is None:
            raise CheckpointError(
                "no AWS credentials: none in the environment, and botocore found none either",
                code="NoCredentials",
                is_retryable=True,
            )
        return self._found.get_frozen_credentials()


def credential_source(environ: Mapping[str, str] | None = None) -> CredentialSource:
    """Return the environment's credentials where it has any, else botocore's chain."""
    environ = os.environ if environ is None else environ
    if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
        return EnvironmentCredentials(environ)
    return BotocoreCredentials()
