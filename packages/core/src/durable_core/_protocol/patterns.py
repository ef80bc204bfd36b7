"""What names and ids must look like (service 1.1).

Apart from the other limits: a cold start does not wait for them to be compiled.
"""

from __future__ import annotations

import re
from typing import Final

OPERATION_ID_PATTERN: Final = re.compile(r"[a-zA-Z0-9\-_]{1,64}")
OPERATION_NAME_PATTERN: Final = re.compile(r"[\x20-\x7E]{1,256}")
SUBTYPE_PATTERN: Final = re.compile(r"[a-zA-Z0-9\-_]{1,32}")
EXECUTION_NAME_PATTERN: Final = re.compile(r"[a-zA-Z0-9\-_]{1,64}")
FUNCTION_NAME_PATTERN: Final = re.compile(
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?"
    r"((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9\-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9\-_]+))?"
)
TENANT_ID_PATTERN: Final = re.compile(r"[a-zA-Z0-9\._:/=+\-@ ]{1,256}")
