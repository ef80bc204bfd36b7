"""Whose certificates to trust."""
# pathlib takes longer to import than all of this package's modules together.
# ruff: noqa: PTH118, PTH120, PTH208

from __future__ import annotations

import os
import ssl
from importlib import import_module


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
