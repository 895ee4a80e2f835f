"""Reads a .mpy file, version 6 (MicroPython py/persistentcode.c, py/bc.h): the names and the functions in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_TUPLE, _STR, _BYTES = 10, 5, 6
_WITHOUT_DATA = range(5)  # fun table, None, False, True, Ellipsis
_BYTECODE = 0
_WORDS_OF_A_HANDLER = 3  # mp_exc_stack_t


@dataclass(frozen=True)
class Function:
    """`name` with those of the classes and functions around it; `frame`: the words that a call of it needs."""

    name: str
    frame: int


class MpyFile:
    """`names`: those of its own, which the board keeps. `numbers`: of those that every firmware has in its ROM, which
    `known` tells the names of.
    """

    def __init__(self, data: bytes, known: Mapping[int, str] | None = None) -> None:
        self._known = known or {}
        self.numbers: set[int] = set()
        self.names: set[str] = set()
        assert data[:2] == b"M\x06"
        self._data = data
        self._at = 4
        n_names, n_objects = self._uint(), self._uint()
        self._table = [self._name() for _ in range(n_names)]
        for _ in range(n_objects):
            self._skip_object()
        self.functions = [f for f in self._code(()) if f.name]
        assert self._at == len(data)

    def _uint(self) -> int:
        value = 0
        while True:
            byte = self._take(1)[0]
            value = value << 7 | byte & 127
            if not byte & 128:
                return value

    def _take(self, n: int) -> bytes:
        self._at += n
        return self._data[self._at - n : self._at]

    def _name(self) -> str | None:
        word = self._uint()
        if word & 1:
            self.numbers.add(word >> 1)
            return self._known.get(word >> 1)
        name = self._take((word >> 1) + 1)[:-1].decode()
        self.names.add(name)
        return name

    def _skip_object(self) -> None:
        kind = self._take(1)[0]
        if kind in _WITHOUT_DATA:
            return
        n = self._uint()
        if kind == _TUPLE:
            for _ in range(n):
                self._skip_object()
        else:
            self._take(n + (kind in (_STR, _BYTES)))

    def _code(self, around: tuple[str, ...]) -> Iterator[Function]:
        word = self._uint()
        assert word & 3 == _BYTECODE
        start = self._at
        states, handlers = self._signature()
        self._sizes()
        name = self._table[self._uint()]
        self._at = start + (word >> 3)
        # The name of a module's own code is "<module>", one of every firmware's
        inside = (*around, name) if name is not None else around
        yield Function(".".join(inside), states + handlers * _WORDS_OF_A_HANDLER)
        if word & 4:
            for _ in range(self._uint()):
                yield from self._code(inside)

    def _signature(self) -> tuple[int, int]:
        """MP_BC_PRELUDE_SIG_DECODE: n_state, n_exc_stack."""
        z = self._take(1)[0]
        states, handlers, n = z >> 3 & 15, z >> 2 & 1, 0
        while z & 128:
            z = self._take(1)[0]
            states |= (z & 0x30) << 2 * n
            handlers |= (z & 2) << n
            n += 1
        return states + 1, handlers

    def _sizes(self) -> None:
        while self._take(1)[0] & 128:
            pass
