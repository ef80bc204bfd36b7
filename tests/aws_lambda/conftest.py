from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def environments():
    """The module that makes environments; tests do not import each other by path."""
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        import environments  # noqa: PLC0415
    finally:
        sys.path.pop(0)
    return environments
