"""When does a line typed at the friendly REPL need another one?"""

_COMPOUND = ("@", "async", "class", "def", "for", "if", "try", "while", "with")
_CLOSED, _BRACKET_OPEN, _TRIPLE_OPEN = 0, 1, 2


def wants_more(source):
    """True while `source` (str) is the beginning of a statement, as py/repl.c decides it.

    A compound statement ends with a blank line.
    """
    state = _scan(source)
    if state != _CLOSED:
        return True
    if source.endswith("\\"):
        return True
    lines = source.split("\n")
    if _first_word(lines[0]) in _COMPOUND:
        return bool(lines[-1].strip())
    return False


def next_indent(source):
    """The blanks to start the next line with (str)."""
    if _scan(source) == _TRIPLE_OPEN:
        return ""
    last = source.split("\n")[-1]
    blanks = last[: len(last) - len(last.lstrip())]
    return blanks + "    " if last.rstrip().endswith(":") else blanks


def _first_word(line):
    line = line.lstrip()
    if line.startswith("@"):
        return "@"
    for end, c in enumerate(line):
        if not (c.isalpha() or c == "_"):
            return line[:end]
    return line


def _scan(source):
    """Is `source` inside brackets or a triple-quoted string at its end?"""
    depth = 0
    i = 0
    while i < len(source):
        c = source[i]
        if c == "#":
            while i < len(source) and source[i] != "\n":
                i += 1
        elif c in "\"'":
            triple = source[i : i + 3] == c * 3
            i = _string_end(source, i + (3 if triple else 1), c * 3 if triple else c)
            if i < 0:
                return _TRIPLE_OPEN if triple else _CLOSED  # a broken line is for the compiler
            continue
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        i += 1
    return _BRACKET_OPEN if depth > 0 else _CLOSED


def _string_end(source, i, quote):
    """Index just after the closing `quote`, or -1."""
    while i < len(source):
        if source[i] == "\\":
            i += 2
            continue
        if source.startswith(quote, i):
            return i + len(quote)
        if source[i] == "\n" and len(quote) == 1:
            return -1
        i += 1
    return -1
