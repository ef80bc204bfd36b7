"""Whose certificates to trust."""
# pathlib takes longer to import than all of this package's modules together.
# ruff: noqa: PTH118, PTH120, PTH123, PTH208

from __future__ import annotations

import os
import ssl
from binascii import a2b_base64
from importlib import import_module

AMAZONS_NAMES = (b"Amazon", b"Starfield")
"""What the authorities that certify AWS's endpoints are called: Amazon Trust Services' roots."""
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


def trusted_certificates() -> str | None:
    """Return the file to trust: `AWS_CA_BUNDLE`, None for the system's, or botocore's own.

    Minimal container images have none; boto3 works there because it brings one along.
    """
    given = os.environ.get("AWS_CA_BUNDLE")
    if given:
        return given
    system = ssl.get_default_verify_paths()
    if system.cafile or (system.capath and os.listdir(system.capath)):
        return None
    found = import_module("importlib.util").find_spec("botocore")
    return None if found is None else os.path.join(os.path.dirname(found.origin), "cacert.pem")


def trusting_all() -> ssl.SSLContext:
    """Return a context that trusts whom `trusted_certificates` names."""
    return ssl.create_default_context(cafile=trusted_certificates())


def trusting_amazon() -> ssl.SSLContext | None:
    """Return a context that trusts none but Amazon's authorities among those; None without any.

    AWS's endpoints need no other, and all of them take ten times as long to load: 40 ms of a cold
    start. With `AWS_CA_BUNDLE`, whom it holds is the user's business.
    """
    if os.environ.get("AWS_CA_BUNDLE"):
        return None
    path = trusted_certificates() or ssl.get_default_verify_paths().cafile
    if not path:  # a folder: what is in it is loaded when it is needed
        return None
    try:
        with open(path, "rb") as file:
            amazons = _named(file.read(), AMAZONS_NAMES)
        return ssl.create_default_context(cadata=amazons) if amazons else None
    except (OSError, ValueError):  # not readable, or not as we read it
        return None


def _named(bundle: bytes, names: tuple[bytes, ...]) -> bytes:
    """The certificates of a bundle, decoded, in which one of the names stands."""
    blocks = (block.partition(_END)[0] for block in bundle.split(_BEGIN)[1:])
    decoded = (a2b_base64(block) for block in blocks)
    return b"".join(each for each in decoded if any(name in each for name in names))
