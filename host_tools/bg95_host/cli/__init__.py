"""The command `bg95`: one file a sub-command, no logic that a library caller would miss.

A sub-command's file has `register(app)`, and imports what is slow inside its command. Exit status:
0 it worked, 1 it did not (one sentence on stderr says why), 2 the command line was wrong.
"""

import importlib
import os
import pkgutil
import sys
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from bg95_host.cli._app import App
from bg95_host.cli._terminal import complain
from bg95_host.errors import ToolError, said_by

app = App(
    name="bg95",
    no_args_is_help=True,
    help="Host tools for the bg95 driver: TLS over Quectel BG95, BG77 and BG600L modules.",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

for _module in pkgutil.iter_modules(__path__):
    if _module.name.startswith("_"):  # what sub-commands share
        continue
    importlib.import_module(f"{__name__}.{_module.name}").register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(version("bg95_host"))
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Console-script entry point."""
    try:
        app()
    except ToolError as error:
        fail(str(error), error.status)
    except OSError as error:  # what no tool expects: a full disk, a folder that may not be written
        fail(said_by(error))


def fail(reason: str, status: int = 1) -> NoReturn:
    """Print the one sentence that says what happened, and end with `status`."""
    complain(reason)
    try:
        sys.stdout.flush()
    except OSError:  # the reason may be that stdout takes no more: exit() need not try again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)
