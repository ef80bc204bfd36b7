"""A directory to work in, and the command to run in it."""

import sys
from itertools import count

import pytest
from typer.testing import CliRunner

from durable_testing.cli.main import app

_numbers = count()


class Command:
    """`durable`, in this process, in a directory of its own."""

    def __init__(self, directory):
        self.directory = directory

    def __call__(self, *arguments, stdin=None):
        return CliRunner().invoke(app, list(arguments), input=stdin)

    def module(self, source):
        """Write a module; its name is new each time."""
        name = f"workflows_{next(_numbers)}"
        (self.directory / f"{name}.py").write_text(source)
        return name


@pytest.fixture
def durable(tmp_path, monkeypatch):
    """Run `durable` here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return Command(tmp_path)
