"""What every verb shares: one typer command turned into `main(argv) -> exit code`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import typer


def run(function: Callable[..., Any], argv: Sequence[str], name: str) -> int:
    """Parse `argv` for `function` (a typer command that returns an exit code) and return that code.

    Usage errors return 2 after typer has shown them; DrError and KeyboardInterrupt pass through to scripts.cli.
    typer carries a private copy of click, so its exceptions are not caught by class: its own ending of the
    process (SystemExit) is, and the command's own result and Ctrl-C are carried past it.
    """
    ended: list[int | KeyboardInterrupt] = []

    @functools.wraps(function)
    def carried(*args: Any, **kwargs: Any) -> None:
        try:
            ended.append(int(function(*args, **kwargs) or 0))
        except KeyboardInterrupt as stop:
            ended.append(stop)

    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name)(carried)
    try:
        typer.main.get_command(app).main(list(argv), prog_name=f"dr {name}")
    except SystemExit as stop:
        if not ended:
            return int(stop.code or 0)
    if ended and isinstance(ended[0], KeyboardInterrupt):
        raise ended[0]
    return ended[0] if ended else 0  # type: ignore[return-value]  # the other kind was raised above
