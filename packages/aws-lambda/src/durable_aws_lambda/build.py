"""Make what Lambda takes: `python -m durable_aws_lambda.build function|layer OUT REQUIREMENT ...`.

Installs the requirements for Lambda's platform, whatever this machine is, and packs them into a zip
that is the same for the same input. A function's zip holds them at its root, a layer's below
`python/`. Needs `uv`.
"""

from __future__ import annotations

import argparse
import compileall
import py_compile
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
RUNTIME_HAS = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py")
"""What `--slim` leaves out: the runtimes bring boto3, and only a boto3 client needs it."""
_PREFIX = {"function": "", "layer": "python/"}
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder)
        install(target, options.requirements, options.python, options.arch)
        if options.slim:
            remove(target, RUNTIME_HAS)
        compiled = compile_for(target, options.python)
        pack(target, options.out, _PREFIX[options.kind])
    size = options.out.stat().st_size / 1024 / 1024
    note = "" if compiled else f"; no byte code: run this with Python {options.python} to add it"
    print(f"{options.out}: {size:.1f} MB{note}")  # noqa: T201  a command's answer
    return 0


def install(target: Path, requirements: Sequence[str], python: str, arch: str) -> None:
    """Install requirements, and what they need, for Lambda's platform."""
    uv = shutil.which("uv")
    if uv is None:
        raise SystemExit("this command needs uv: python -m pip install uv")
    command = [uv, "pip", "install", "--quiet", "--target", str(target), "--no-editable"]
    command += ["--python-version", python, "--python-platform", PLATFORMS[arch]]
    done = subprocess.run([*command, *requirements], check=False)  # noqa: S603  the caller's words
    if done.returncode:
        raise SystemExit(
            f"uv could not install {' '.join(requirements)} for Python {python} on {arch} (exit "
            f"code {done.returncode}); what it said is above"
        )


def remove(target: Path, names: Iterable[str]) -> None:
    """Take packages out again, with what says that they are installed."""
    for name in names:
        stem = name.removesuffix(".py")
        for path in (target / name, *target.glob(f"*{stem}-*.dist-info")):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def compile_for(target: Path, python: str) -> bool:
    """Add byte code when this interpreter writes what Lambda's reads; `/var/task` is read-only."""
    if python != f"{sys.version_info.major}.{sys.version_info.minor}":
        return False
    return bool(
        compileall.compile_dir(
            target,
            quiet=2,
            stripdir=str(target),
            # By its hash, unchecked: no file's time is looked at on a cold start.
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    )


def pack(target: Path, out: Path, prefix: str) -> None:
    """Write the zip: in order of names, without times."""
    out.parent.mkdir(parents=True, exist_ok=True)
    files = sorted(path for path in target.rglob("*") if path.is_file())
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            relative = path.relative_to(target)
            if relative.parts[0] == "bin" or path.name in {".lock", "direct_url.json"}:
                continue
            entry = zipfile.ZipInfo(prefix + relative.as_posix(), _EPOCH)
            entry.external_attr = _MODE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m durable_aws_lambda.build")
    parser.add_argument("kind", choices=sorted(_PREFIX), help="what the zip is for")
    parser.add_argument("out", type=Path, help="the zip to write")
    parser.add_argument("requirements", nargs="+", help="as pip takes them; folders and wheels too")
    parser.add_argument("--python", default="3.13", help="the runtime's version; default: 3.13")
    parser.add_argument("--arch", default="arm64", choices=sorted(PLATFORMS))
    parser.add_argument("--slim", action="store_true", help="without boto3; the runtime has one")
    return parser


if __name__ == "__main__":
    sys.exit(main())
