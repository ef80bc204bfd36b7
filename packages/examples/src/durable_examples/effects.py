"""What the examples do to the world: take a moment, and leave a line in a file.

`DURABLE_EXAMPLES_LOG` names the file; without it the line only goes to standard output.
`DURABLE_EXAMPLES_SECONDS` is the moment, 0.2 unless set.
"""

import asyncio
import os
from typing import Final

WORK_SECONDS: Final = 0.2


async def leave_trace(what: str, about: str) -> None:
    """Do a piece of work whose effect happens in the middle of it, once for each call."""
    seconds = float(os.environ.get("DURABLE_EXAMPLES_SECONDS", WORK_SECONDS))
    await asyncio.sleep(seconds / 2)
    line = f"{what} {about}\n"
    path = os.environ.get("DURABLE_EXAMPLES_LOG")
    if path is None:
        print(line, end="", flush=True)  # noqa: T201  the effect, where it is not a file
    else:
        await asyncio.to_thread(_append, path, line)
    await asyncio.sleep(seconds / 2)


def _append(path: str, line: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
