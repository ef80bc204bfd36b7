"""What runs in the server that is killed: each step says on standard output that its body runs."""

import os

PADDING = "." * 1000
"""A pipe holds 64 KiB: bodies wait for the reader, so that the load is in flight while it reads."""


def say(*words):
    # One write a line: the bodies run in threads.
    os.write(1, f"{' '.join(map(str, words))} {PADDING}\n".encode())


def body(name, number):
    say("ran", name, number)
    return number


async def handler(event, context):
    total = 0
    for number in range(event["steps"]):
        total += await context.step(f"step-{number}", body, event["name"], number)
    answered, callback_id = await context.create_callback("go")
    await context.step("ask", say, "asks", event["name"], callback_id)
    await answered
    return total
