"""What a command says to somebody who used it wrongly."""


class UsageError(Exception):
    """The command cannot do what was asked; the message says why and what to do. Exit code 2."""
