"""Text from outside, made harmless for a terminal."""


def visible(text: str) -> str:
    """The text in one line, with all that a terminal would obey or hide written out: \\x1b, \\r, \\u202e."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
