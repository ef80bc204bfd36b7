"""The `durable` command: runs workflows on this machine and shows what became of them."""
