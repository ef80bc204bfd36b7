"""Durable asyncio workflows on AWS Lambda durable functions."""
