"""The typer application, whose help shows for a switch that it takes nothing, instead of `<bool>`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption


class _Switches:
    def get_params(self, ctx: Any) -> list:
        params = super().get_params(ctx)  # pyright: ignore[reportAttributeAccessIssue]
        for param in params:
            if isinstance(param, TyperOption) and param.is_flag:
                param.metavar = ""
        return params


class _Command(_Switches, TyperCommand):
    pass


class _Group(_Switches, TyperGroup):
    pass


class App(typer.Typer):
    """A typer.Typer for `bg95`."""

    def __init__(self, **options: Any) -> None:
        names = {"help_option_names": ["--help", "-h"]}
        super().__init__(cls=_Group, context_settings=names, **options)

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        """As typer.Typer.command()."""
        return super().command(name, cls=_Command, **options)
