"""Test kit, local engine and the durable command for durable asyncio workflows."""
