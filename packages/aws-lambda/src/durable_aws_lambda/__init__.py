"""Durable asyncio workflows on AWS Lambda durable functions."""

from durable_aws_lambda.entry import DurableHandler, durable_execution

__all__ = ("DurableHandler", "durable_execution")
