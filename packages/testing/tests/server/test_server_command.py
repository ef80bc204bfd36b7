"""`durable server`: what it prints, how it stops, what it says to somebody who used it wrongly."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from durable_testing.cli.errors import UsageError
from durable_testing.cli.server import app

HANDLERS = """
async def handler(event, context):
    return event

def plain(event):
    return event
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "served_handlers.py").write_text(HANDLERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def command(*arguments):
    app(args=[*arguments], standalone_mode=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to serve"),
        (["--function", "orders"], "NAME=MODULE:HANDLER"),
        (["--function", "orders=served_handlers:missing"], "missing"),
        (["--runtime-api", "a b"], "write NAME, NAME:ALIAS or NAME=PORT"),
        (["--runtime-api", "orders=http"], "write NAME, NAME:ALIAS or NAME=PORT"),
        (["--runtime-api", "orders=65536"], "no port above 65535"),
        (["--runtime-api", "a", "--function", "a=served_handlers:handler"], "more than once"),
        (["--runtime-api", "a", "--plain", "b"], "--plain b: there is no such --runtime-api"),
        (["--runtime-api", "a", "--db", "served_handlers.py"], "served_handlers.py"),
    ],
)
def test_a_wrong_command_is_told_what_is_wrong(folder, arguments, said):
    with pytest.raises(UsageError, match=said):
        command(*arguments, "--port", "0")


def test_a_port_that_is_taken_is_a_wrong_command(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(UsageError, match=r"127\.0\.0\.1:" + port):
            command("--function", "a=served_handlers:handler", "--port", port)


def test_a_missing_extra_is_named(folder, monkeypatch):
    monkeypatch.setattr("durable_testing.cli.server.find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"durable-testing\[server\]"):
        command("--function", "a=served_handlers:handler")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_what_to_export_and_stops_on_a_signal(folder, number):
    start = "from durable_testing.cli.main import app; app()"
    arguments = [
        *("server", "--port", "0", "--db", "kept.db"),
        *("--function", "orders:live=served_handlers:handler"),
        *("--function", "echo=served_handlers:plain"),
        *("--runtime-api", "elsewhere:live", "--runtime-api", "sums", "--plain", "sums"),
    ]
    with subprocess.Popen(  # noqa: S603  the test's own
        [sys.executable, "-c", start, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder)},
    ) as process:
        lines = [process.stdout.readline().strip() for _ in range(7)]
        url = lines[0].removeprefix("export AWS_ENDPOINT_URL_LAMBDA=")
        assert url.startswith("http://127.0.0.1:")
        assert lines[1] == "export AWS_REGION=us-east-1"
        assert lines[3] == "# the processes of elsewhere:"
        assert lines[4].startswith("export AWS_LAMBDA_RUNTIME_API=127.0.0.1:")
        assert lines[5] == "# the processes of sums:"
        with urllib.request.urlopen(f"{url}/health") as response:  # noqa: S310  loopback
            assert response.read() == b'{"status":"ok"}'
        process.send_signal(number)
        _, said = process.communicate()
    assert process.returncode == 0
    assert said.splitlines() == [
        f"durable: serving {url}",
        "durable: stopped; kept.db keeps it all",
    ]


def test_the_commands_of_the_guide_are_commands_of_the_server(folder, monkeypatch):
    served = []

    async def serve(options, *, stop, on_started):
        served.append(options)

    monkeypatch.setattr("durable_testing.server.serving.serve", serve)
    (folder / "orders.py").write_text(HANDLERS)
    guide = Path(__file__).parents[4] / "docs" / "guides" / "emulator.md"
    lines = re.findall(r"^durable server (.*)$", guide.read_text(), re.MULTILINE)
    for line in lines:
        command(*shlex.split(line))
    here, elsewhere = served
    assert [function.name for function in here.functions] == ["orders"]
    assert [function.port for function in elsewhere.remote_functions] == [9011]
