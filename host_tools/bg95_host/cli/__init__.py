"""The command `bg95`: one file a sub-command, no logic that a library caller would miss."""

import importlib
import pkgutil

import typer

app = typer.Typer(name="bg95", no_args_is_help=True, help=__doc__, rich_markup_mode="rich")

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}").register(app)


def main() -> None:
    """Console-script entry point."""
    app()
