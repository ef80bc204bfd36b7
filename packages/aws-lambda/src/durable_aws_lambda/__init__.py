"""Durable asyncio workflows on AWS Lambda durable functions."""

import gc

_collects_garbage = gc.isenabled()
# What an import makes lives as long as the process: looking for garbage in it is a tenth of the
# cold start, and finds none.
gc.disable()
try:
    from durable_aws_lambda.entry import DurableHandler, durable_execution
finally:
    if _collects_garbage:
        if gc.get_freeze_count() == 0:
            # All that is alive becomes old without being looked through, as the next collection
            # of the young would do. Still collected, like everything old.
            gc.freeze()
            gc.unfreeze()
        gc.enable()

__all__ = ("DurableHandler", "durable_execution")
