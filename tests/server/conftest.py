"""Servers on loopback ports: in a thread of this process, or in a process of their own."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from durable_testing.server.serving import Addresses, ServerOptions, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".cache" / "envs"
HANDLERS = Path(__file__).parent / "peer_handlers"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def neighbour(name: str) -> Any:
    """A module beside the tests."""
    spec = spec_from_file_location(f"server_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MODELLED = neighbour("modelled")


class RunningServer:
    """A server in a thread of its own."""

    def __init__(self, options: ServerOptions) -> None:
        self._started: SimpleQueue[Addresses | BaseException] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._clients: list[Any] = []
        self._thread = threading.Thread(target=self._run, args=(options,))
        self._thread.start()
        started = self._started.get()
        if isinstance(started, BaseException):
            self._thread.join()
            raise started
        self.addresses = started

    def _run(self, options: ServerOptions) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            await serve(options, stop=self._stop, on_started=self._started.put)

        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001  whoever started it is told
            self._started.put(error)

    def client(self) -> Any:
        """A boto3 client that tries each call once, and holds each answer against its model."""
        client = boto3.client(
            "lambda",
            endpoint_url=self.addresses.url,
            region_name="us-east-1",
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
        )
        client.meta.events.register("after-call.lambda", MODELLED.check_answer)
        self._clients.append(client)
        return client

    def stop(self) -> None:
        if not self._thread.is_alive():
            return
        for client in self._clients:
            client.close()
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


@pytest.fixture
def start_server() -> Iterator[Callable[..., RunningServer]]:
    running: list[RunningServer] = []

    def start(**options: Any) -> RunningServer:
        running.append(RunningServer(ServerOptions(**options)))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@contextmanager
def made_once(name: str) -> Iterator[Path | None]:
    """A folder to fill, or None when another run has filled it; a lock keeps two runs apart."""
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    folder = ENVIRONMENTS / name
    with (ENVIRONMENTS / f"{name}.lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        if (folder / "complete").exists():
            yield None
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield folder
        (folder / "complete").touch()


def python_environment(name: str, *requirements: str) -> Path:
    """Return the `bin` of an environment with these packages, made when there is none."""
    name = f"{name}-{sys.version_info.major}.{sys.version_info.minor}"
    with made_once(name) as folder:
        if folder is not None:
            uv = shutil.which("uv") or pytest.fail("the peers' environments need uv")
            python = folder / "bin" / "python"
            run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, folder])
            run([uv, "pip", "install", "--quiet", "--python", python, *requirements])
    return ENVIRONMENTS / name / "bin"


def run(command: list[Any], **options: Any) -> str:
    """Run a command to its end and return what it said; fail with all it said."""
    done = subprocess.run(  # noqa: S603  the test's own
        [str(part) for part in command],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def aws_cli() -> Path:
    """The `aws` command, from PyPI."""
    return python_environment("awscli", "awscli==1.46.3") / "aws"


@pytest.fixture(scope="session")
def peer_python() -> Path:
    """A Python with AWS's Python SDK and Lambda's runtime client."""
    requirements = ("aws-durable-execution-sdk-python==3.0.0", "awslambdaric==4.2.2", "boto3")
    return python_environment("peer-python", *requirements) / "python"


@pytest.fixture(scope="session")
def peer_node() -> Path:
    """A folder with AWS's JavaScript SDK and Lambda's runtime client, which is built there."""
    npm = shutil.which("npm") or pytest.skip("npm is not here")
    with made_once("peer-node") as folder:
        if folder is not None:
            shutil.copy(HANDLERS / "package.json", folder)
            headers = {"npm_config_nodedir": "/usr"} if Path("/usr/include/node").exists() else {}
            environment = {**os.environ, **headers}  # noqa: TID251
            run([npm, "install", "--no-audit", "--no-fund"], cwd=folder, env=environment)
    node = ENVIRONMENTS / "peer-node"
    if not (node / "node_modules" / "aws-lambda-ric" / "rapid-client.node").exists():
        pytest.skip("Lambda's runtime client for Node could not be built here")
    return node


@pytest.fixture
def start_process() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start processes that end with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(command: list[Any], log: Path | int, **environment: str) -> subprocess.Popen[str]:
        with log.open("w") if isinstance(log, Path) else os.fdopen(os.dup(2), "w") as output:
            process = subprocess.Popen(  # noqa: S603  the test's own
                [str(part) for part in command],
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                env=os.environ | CREDENTIALS | environment,  # noqa: TID251
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def credentials() -> dict[str, str]:
    return dict(CREDENTIALS)


@pytest.fixture(scope="session")
def handlers() -> Path:
    return HANDLERS
