"""Write plain asyncio; it survives crashes, waits for a year, and replays exactly: the replay core."""
