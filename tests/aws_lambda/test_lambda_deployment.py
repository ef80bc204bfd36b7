"""The template and the build command do what the guide says, without AWS."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from durable_aws_lambda import DurableHandler

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "deploy" / "template.yaml"
GUIDE = ROOT / "docs" / "guides" / "deploy-on-lambda.md"
EXECUTION_POLICY = "service-role/AWSLambdaBasicDurableExecutionRolePolicy"


@pytest.fixture(scope="module")
def sam(environments):
    return environments.environment("sam", *environments.SAM)


@pytest.fixture(scope="module")
def resources(sam):
    command = [sam / "python", Path(__file__).with_name("translate.py"), TEMPLATE]
    return json.loads(run(*command).stdout)["Resources"]


def run(*command, cwd=ROOT):
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603
    assert result.returncode == 0, result.stdout + result.stderr
    return result


def of_type(resources, kind):
    return {
        name: each.get("Properties", {})
        for name, each in resources.items()
        if each["Type"] == f"AWS::{kind}"
    }


def test_cfn_lint_finds_nothing_in_the_template(sam):
    result = run(sam / "cfn-lint", TEMPLATE)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_every_function_is_durable_and_has_an_alias(resources):
    functions = of_type(resources, "Lambda::Function")
    aliases = of_type(resources, "Lambda::Alias")
    assert functions
    for name, function in functions.items():
        assert function["DurableConfig"]["ExecutionTimeout"]
        assert function["DurableConfig"]["RetentionPeriodInDays"]
        assert function["LoggingConfig"]["LogFormat"] == "JSON"
        assert any(alias["FunctionName"] == {"Ref": name} for alias in aliases.values())


def test_every_role_may_checkpoint_and_read_state(resources):
    roles = of_type(resources, "IAM::Role")
    assert len(roles) == len(of_type(resources, "Lambda::Function"))
    for role in roles.values():
        assert any(arn.endswith(EXECUTION_POLICY) for arn in role["ManagedPolicyArns"])


def test_every_handler_of_the_template_is_a_durable_one(resources):
    for function in of_type(resources, "Lambda::Function").values():
        module, _, name = function["Handler"].rpartition(".")
        assert isinstance(getattr(importlib.import_module(module), name), DurableHandler)


def guide_commands():
    blocks = re.findall(r"```bash\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if "uv build" in line or "aws_lambda.build" in line]


def test_the_guides_build_commands_make_a_function_that_imports(tmp_path, resources):
    """The commands as they stand, but for this machine's platform and in a folder of their own."""
    platform = "x86_64" if os.uname().machine == "x86_64" else "arm64"
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    commands = guide_commands()
    assert len(commands) >= 2
    for command in commands:
        adapted = command.replace("dist/", f"{tmp_path}/dist/")
        if "aws_lambda.build" in command:
            adapted += f" --arch {platform} --python {here}"
        run("/bin/bash", "-c", adapted)
    archive = tmp_path / "dist" / "examples.zip"
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(tmp_path / "task")
    for function in of_type(resources, "Lambda::Function").values():
        module, _, name = function["Handler"].rpartition(".")
        code = (
            f"import sys; sys.path.insert(0, '.'); import {module} as m; print(m.{name}.workflow)"
        )
        imported = run(sys.executable, "-I", "-S", "-c", code, cwd=tmp_path / "task")
        assert "Workflow" in imported.stdout
