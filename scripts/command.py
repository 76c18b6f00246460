"""What every verb shares: one typer command turned into `main(argv) -> exit code`, and output that obeys NO_COLOR."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer


def run(function: Callable[..., Any], argv: Sequence[str], name: str) -> int:
    """Parse `argv` for `function` (a typer command that returns an exit code) and return that code.

    Usage errors return 2; DrError passes through to scripts.cli, which prints it.
    """
    import click
    from typer.main import get_command

    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name)(function)
    try:
        result = get_command(app).main(list(argv), prog_name=f"dr {name}", standalone_mode=False)
    except click.exceptions.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show(sys.stderr)
        return 2
    except click.exceptions.Exit as stop:
        return stop.exit_code
    return int(result or 0)
