"""`--file FILE[:PATH]`: what an app needs on the board beside the driver. `--debug`: how the driver is compiled."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

Files = Annotated[
    list[str] | None,
    typer.Option(
        "--file", metavar="FILE[:PATH]", help="One more file, PATH on the board; repeatable."
    ),
]

Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        help="The driver with its names and line numbers, for tracebacks; takes more of the board's heap.",
    ),
]


def placed(words: Sequence[str] | None) -> dict[str, Path]:
    """The files by where they go, as `mpremote cp` has it: a PATH that ends in / is a folder."""
    return dict(map(_split, words or ()))


def _split(word: str) -> tuple[str, Path]:
    source, _, path = word.partition(":")
    if not Path(source).is_file():
        raise typer.BadParameter(f"there is no file {source}", param_hint="--file")
    return path + Path(source).name if path[-1:] in ("", "/") else path, Path(source)
