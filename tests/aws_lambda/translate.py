"""Translate a SAM template without AWS: `python translate.py TEMPLATE`, in the SAM environment."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies(ManagedPolicyLoader):
    """Policies are given by ARN; none is looked up by name."""

    def __init__(self) -> None:
        pass

    def load(self) -> dict[str, str]:
        return {}


def main(path: str) -> None:
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    template: dict[str, Any] = yaml_parse(Path(path).read_text())
    # `sam package` uploads the code and writes where it is; the rest of the path is the service's.
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/code.zip"
    json.dump(transform(template, {}, NoManagedPolicies()), sys.stdout)


main(sys.argv[1])
