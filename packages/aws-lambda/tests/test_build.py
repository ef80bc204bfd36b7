from __future__ import annotations

import importlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from durable_aws_lambda import build

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
ELSEWHERE = "3.14" if HERE != "3.14" else "3.13"


@pytest.fixture
def tree(tmp_path):
    target = tmp_path / "target"
    for name in ("pkg/__init__.py", "bin/tool", "boto3/x.py", "six.py", "boto3-1.0.dist-info/R"):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
    return target


@pytest.fixture
def uv_calls(monkeypatch, tmp_path):
    """A `uv` that installs one module and notes how it was called."""
    calls = []

    def run(command, *, check):
        assert not check
        calls.append(command)
        Path(command[command.index("--target") + 1], "mine.py").write_text("answer = 42\n")
        return subprocess.CompletedProcess(command, 2 if "gone" in command else 0)

    monkeypatch.setattr(build.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(build.subprocess, "run", run)
    return calls


def names(path):
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_a_function_has_its_modules_at_the_root_a_layer_below_python(tmp_path, uv_calls, capsys):
    out = tmp_path / "dist" / "f.zip"
    assert build.main(["function", str(out), "mine==1", "--python", ELSEWHERE]) == 0
    assert names(out) == ["mine.py"]
    assert f"run this with Python {ELSEWHERE}" in capsys.readouterr().out
    layer = tmp_path / "layer.zip"
    assert build.main(["layer", str(layer), "mine==1", "--python", ELSEWHERE]) == 0
    assert names(layer) == ["python/mine.py"]


def test_packages_are_installed_for_lambdas_platform(tmp_path, uv_calls):
    arguments = ["function", str(tmp_path / "f.zip"), "a==1", "./b.whl", "--python", "3.14"]
    build.main(arguments)
    build.main([*arguments, "--arch", "x86_64"])
    arm, intel = uv_calls
    assert arm[-2:] == ["a==1", "./b.whl"]
    assert arm[arm.index("--python-version") + 1] == "3.14"
    assert arm[arm.index("--python-platform") + 1] == "aarch64-manylinux_2_28"
    assert intel[intel.index("--python-platform") + 1] == "x86_64-manylinux_2_28"


def test_byte_code_for_this_interpreter_goes_along(tmp_path, uv_calls, capsys, monkeypatch):
    out = tmp_path / "f.zip"
    build.main(["function", str(out), "mine", "--python", HERE])
    assert names(out) == [f"__pycache__/mine.{sys.implementation.cache_tag}.pyc", "mine.py"]
    assert "no byte code" not in capsys.readouterr().out
    monkeypatch.syspath_prepend(str(out))
    assert importlib.import_module("mine").answer == 42


def test_the_same_input_gives_the_same_zip(tmp_path, tree):
    build.pack(tree, tmp_path / "one.zip", "")
    (tree / "six.py").touch()
    build.pack(tree, tmp_path / "two.zip", "")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_scripts_are_left_out(tmp_path, tree):
    build.pack(tree, tmp_path / "f.zip", "")
    assert "bin/tool" not in names(tmp_path / "f.zip")


def test_slim_is_without_what_the_runtime_has(tmp_path, tree):
    build.remove(tree, build.RUNTIME_HAS)
    build.pack(tree, tmp_path / "f.zip", "")
    assert names(tmp_path / "f.zip") == ["pkg/__init__.py"]


def test_slim_is_an_option(tmp_path, uv_calls):
    build.main(["function", str(tmp_path / "f.zip"), "mine", "--slim", "--python", ELSEWHERE])
    assert names(tmp_path / "f.zip") == ["mine.py"]


def test_without_uv_the_command_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="needs uv: python -m pip install uv"):
        build.main(["layer", str(tmp_path / "l.zip"), "mine"])


def test_what_uv_cannot_install_is_said_in_a_line_and_nothing_is_written(tmp_path, uv_calls):
    out = tmp_path / "f.zip"
    expected = r"^uv could not install mine gone for Python 3\.13 on arm64 \(exit code 2\); what it"
    with pytest.raises(SystemExit, match=expected):
        build.main(["function", str(out), "mine", "gone", "--python", "3.13"])
    assert not out.exists()
