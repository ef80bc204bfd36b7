from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def neighbour(name):
    """A module beside the tests; the runtimes' processes find it by the same name."""
    sys.path.insert(0, str(HERE))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(HERE))


@pytest.fixture(scope="session")
def environments():
    return neighbour("environments")


@pytest.fixture(scope="session")
def emulators():
    return neighbour("emulator")


@pytest.fixture(scope="session")
def cases():
    return neighbour("matrix").CASES


@pytest.fixture(scope="session")
def proxies():
    return neighbour("proxy")


@pytest.fixture(scope="session")
def neighbours():
    return neighbour
