"""Where executions are kept: memory, or a SQLite file."""
