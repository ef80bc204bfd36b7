"""Durable asyncio workflows on AWS Lambda durable functions."""

import gc

_collects_garbage = gc.isenabled()
# What an import makes lives as long as the process: looking for garbage in it is a twentieth of
# the cold start, and finds none.
gc.disable()
try:
    from durable_aws_lambda.entry import DurableHandler, durable_execution
finally:
    if _collects_garbage:
        gc.enable()

__all__ = ("DurableHandler", "durable_execution")
