"""The command line, `python -m nastransfer ...`: one module a concern, each command a few calls of the library."""

from __future__ import annotations

import signal
import sys

from typer.models import CommandInfo

from nastransfer.cli import by_hand, reading, running, tidying
from nastransfer.cli.shared import PANELS, app
from nastransfer.disk import CannotWrite

__all__ = ["app", "by_hand", "main", "reading", "running", "tidying"]


def _place(command: CommandInfo) -> tuple[int, bool]:
    """Where the help shows it: what a newcomer needs comes first."""
    return PANELS.index(str(command.rich_help_panel)), getattr(
        command.callback, "__module__", ""
    ) != running.__name__


app.registered_commands.sort(key=_place)


def main() -> None:
    """Entry point: what a user got wrong is one line on stderr and exit status 2; a failed study is status 1."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop tasks and leave as after Ctrl-C
    try:
        app()
    except ValueError as error:
        _leave(error, 2)
    except (RuntimeError, CannotWrite) as error:
        _leave(error, 1)
    except KeyboardInterrupt:
        sys.exit(130)


def _leave(error: Exception, status: int) -> None:
    sys.stderr.write(f"error: {error}\n")
    sys.exit(status)
