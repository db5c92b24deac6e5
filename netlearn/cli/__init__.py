"""The command ``netlearn``: reads options, calls the library, prints."""

from netlearn.cli.group import main

__all__ = ["main"]
