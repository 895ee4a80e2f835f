"""AT+QSSLCRYPT: AES-128-CBC and MD5 (spec 1.6.7)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ..registry import Choice, Command, Family, OneOf, Text
from ..results import TcpipError

if TYPE_CHECKING:
    from ..core import Module

MOST_DATA = 256
BLOCK = 16

QSSLCRYPT = Command(
    "+QSSLCRYPT", Family.SSL, "1.6.7", test='("AES","MD5"),<input_data>,(0,1),(0,1),<key>'
)


@QSSLCRYPT.write(
    Choice("algorithm", ("AES", "MD5")),
    Text("input_data", 2 * MOST_DATA, secret=True),
    OneOf("format", (0, 1), default=None),
    OneOf("mode", (0, 1), default=None),
    Text("key", BLOCK, default=None, secret=True),
)
def qsslcrypt(
    m: Module, algorithm: str, text: str, form: int | None, mode: int | None, key: str | None
) -> Iterator[str]:
    if algorithm == "MD5":
        if (form, mode, key) != (None, None, None):
            raise TcpipError(552)
        result = _md5(text.encode("latin-1"))
    else:
        # The document names no IV.
        result = _aes(_input(text, form), mode, key, bytes.fromhex(m.traits.crypt_iv))
    shown = result.hex().upper() if m.traits.crypt_upper else result.hex()
    yield f'+QSSLCRYPT: "{algorithm}",' + (f'"{shown}"' if m.traits.crypt_quoted else shown)


def _md5(data: bytes) -> bytes:
    if len(data) > MOST_DATA:
        raise TcpipError(552)
    return hashlib.md5(data, usedforsecurity=False).digest()


def _input(text: str, form: int | None) -> bytes:
    if form is None:
        raise TcpipError(552)
    try:
        data = bytes.fromhex(text) if form == 1 else text.encode("latin-1")
    except ValueError:
        raise TcpipError(552) from None
    if not data or len(data) > MOST_DATA or len(data) % BLOCK:
        raise TcpipError(552)
    return data


def _aes(data: bytes, mode: int | None, key: str | None, iv: bytes) -> bytes:
    if mode is None or key is None or len(key) != BLOCK:
        raise TcpipError(552)
    cipher = Cipher(algorithms.AES(key.encode("latin-1")), modes.CBC(iv))
    worker = cipher.encryptor() if mode else cipher.decryptor()
    return worker.update(data) + worker.finalize()
