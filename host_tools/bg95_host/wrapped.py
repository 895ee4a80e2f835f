"""Sentences on a terminal: wrapped where words end, below where they began. Elsewhere a line is a line, for grep."""

from rich.console import Console
from rich.text import Text

_NARROWEST = 20  # columns for the sentence, however narrow the terminal


def say(on: Console, sentence: str, head: str = "") -> None:
    """Print `head` and `sentence`, both markup, the sentence's further lines indented by the head's width."""
    if not on.is_terminal:
        on.print(head + sentence, soft_wrap=True)
        return
    first = Text.from_markup(head)
    rows = Text.from_markup(sentence).wrap(on, max(on.width - first.cell_len, _NARROWEST))
    for number, row in enumerate(rows):
        row.rstrip()
        on.print((Text(" " * first.cell_len) if number else first) + row, soft_wrap=True)
