"""One line of input with echo, cursor keys, history and completion."""

_CTRL_A, _CTRL_C, _CTRL_D, _CTRL_E, _CTRL_K, _CTRL_U = 1, 3, 4, 5, 11, 21
_ESC = 27
_HISTORY_LINES = 16
_KEYWORDS = ("import ", "from ", "for ", "while ", "def ", "class ", "return ", "print(")


class LineEditor:
    """Reads lines from a console (console.Console)."""

    def __init__(self, console):
        self._console = console
        self._history = []
        self._after_cr = False

    def read(self, prompt, indent="", names=None):
        """One line as str, without its end; or, on an empty line, the code of Ctrl-A to Ctrl-E.

        Ctrl-C gives its code at any time. `indent` is typed for the user. `names` is a dict of
        what Tab completes.
        """
        self._line = indent
        self._at = len(indent)
        self._entry = len(self._history)
        self._emit(prompt + indent)
        while True:
            c = self._console.read_byte()
            if c == 10 and self._after_cr:
                self._after_cr = False
                continue
            self._after_cr = c == 13
            if c == _CTRL_C or (c <= _CTRL_E and self._line == indent):
                return c
            if c in (10, 13):
                self._emit("\r\n")
                return self._remember()
            self._key(c, names)

    def _emit(self, text):
        self._console.write(text.encode())

    def _remember(self):
        if self._line.strip() and (not self._history or self._history[-1] != self._line):
            self._history.append(self._line)
            del self._history[:-_HISTORY_LINES]
        return self._line

    def _key(self, c, names):
        if c in (8, 127):
            self._backspace()
        elif c == _CTRL_A:
            self._move(0)
        elif c == _CTRL_E:
            self._move(len(self._line))
        elif c == _CTRL_D:
            self._delete(self._at, self._at + 1)
        elif c == _CTRL_K:
            self._delete(self._at, len(self._line))
        elif c == _CTRL_U:
            self._delete(0, self._at)
        elif c == 9:
            self._complete(names)
        elif c == _ESC:
            self._escape()
        elif c >= 32:
            self._insert(self._character(c))

    def _character(self, lead):
        """The character that starts with byte `lead`; the rest of its UTF-8 is read."""
        more = 0 if lead < 0xC0 else 1 if lead < 0xE0 else 2 if lead < 0xF0 else 3
        data = bytes([lead] + [self._console.read_byte() for _ in range(more)])
        try:
            return data.decode()
        except UnicodeError:
            return "?"

    def _escape(self):
        """A cursor key: ESC [ or ESC O, a digit and ~, or a letter (ECMA-48, xterm)."""
        if self._console.read_byte() not in (0x5B, 0x4F):
            return
        key = chr(self._console.read_byte())
        if key.isdigit():
            while self._console.read_byte() != 0x7E:
                pass
            key = {"1": "H", "7": "H", "4": "F", "8": "F", "3": "delete"}.get(key)
        if key == "A":
            self._recall(self._entry - 1)
        elif key == "B":
            self._recall(self._entry + 1)
        elif key == "C":
            self._move(self._at + 1)
        elif key == "D":
            self._move(self._at - 1)
        elif key == "H":
            self._move(0)
        elif key == "F":
            self._move(len(self._line))
        elif key == "delete":
            self._delete(self._at, self._at + 1)

    def _recall(self, entry):
        if 0 <= entry <= len(self._history):
            self._entry = entry
            text = self._history[entry] if entry < len(self._history) else ""
            self._delete(0, len(self._line))
            self._insert(text)

    def _insert(self, text):
        tail = self._line[self._at :]
        self._line = self._line[: self._at] + text + tail
        self._at += len(text)
        self._emit(text + tail + _left(len(tail)))

    def _backspace(self):
        """Delete to the left; a whole step within the indentation."""
        head = self._line[: self._at]
        step = 4 if head and not head.strip() and len(head) % 4 == 0 else 1
        self._delete(self._at - step, self._at)

    def _delete(self, start, end):
        start = max(start, 0)
        self._move(start)
        tail = self._line[end:]
        self._line = self._line[:start] + tail
        self._emit(tail + "\x1b[K" + _left(len(tail)))

    def _move(self, at):
        at = min(max(at, 0), len(self._line))
        step = at - self._at
        self._emit(_left(-step) if step < 0 else "\x1b[%dC" % step if step else "")
        self._at = at

    def _complete(self, names):
        """Finish the dotted name before the cursor, as far as the candidates agree."""
        path = _last_word(self._line[: self._at]).split(".")
        if path == [""]:
            self._insert("    ")
            return
        stem = path.pop()
        if path:
            thing = (names or {}).get(path[0])
            for part in path[1:]:
                thing = getattr(thing, part, None)
            candidates = dir(thing) if thing is not None else []
        else:
            candidates = list(names or ()) + dir(__import__("builtins")) + list(_KEYWORDS)
        candidates = sorted({n for n in candidates if n.startswith(stem) and (stem or n[0] != "_")})
        if not candidates:
            return
        common = _common_prefix(candidates)
        if common != stem:
            self._insert(common[len(stem) :])
        elif len(candidates) > 1:
            self._emit("\r\n" + "    ".join(candidates) + "\r\n>>> ")
            line, self._line, self._at = self._line, "", 0
            self._insert(line)


def _left(n):
    return "\x1b[%dD" % n if n else ""


def _last_word(text):
    start = len(text)
    while start and (
        text[start - 1].isalpha() or text[start - 1].isdigit() or text[start - 1] in "._"
    ):
        start -= 1
    return text[start:]


def _common_prefix(words):
    prefix = words[0]
    for word in words:
        while not word.startswith(prefix):
            prefix = prefix[:-1]
    return prefix
