"""The asyncio host: the only layer that awaits the world."""
