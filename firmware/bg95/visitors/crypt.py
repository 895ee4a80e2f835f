"""The module's AES-128-CBC and MD5 (AT+QSSLCRYPT, SSL 2.3.7), binary in, binary out.

The note does not say which IV is used (all zero, it seems): what one module encrypted, a module decrypts. Nothing is
padded. Not verified on a module (field notes 1).
"""

from binascii import hexlify, unhexlify

from ..at import ANSWER_MS
from ..errors import CommandError
from .limits import BYTES, TEXT_OR_BYTES, quoted, typed

_PREFIX = b"+QSSLCRYPT: "
_LONGEST = 256  # SSL 2.3.7: <input_data>, bytes
_BLOCK = 16


class Service:
    """`modem.crypt`. All calls block for one answer and allocate about four times the data."""

    def __init__(self, modem):
        self._modem = modem

    def encrypt(self, key, data):
        """AES-128-CBC of `data`: 16 to 256 bytes, a multiple of 16. key: 16 bytes, printable, no quotes (it goes
        as text, SSL 2.3.7). Returns bytes. Raises ValueError, CommandError.
        """
        return self._aes(key, data, 1)

    def decrypt(self, key, data):
        """The reverse of encrypt()."""
        return self._aes(key, data, 0)

    def md5(self, data):
        """MD5 of 1 to 256 bytes of printable text (there is no hex form of this command). Returns 16 bytes."""
        return self._modem.run(
            self._run(b'AT+QSSLCRYPT="MD5",' + quoted("data", data, _LONGEST, TEXT_OR_BYTES))
        )

    def _aes(self, key, data, mode):
        if not 0 < len(typed("data", data, BYTES, "bytes")) <= _LONGEST or len(data) % _BLOCK:
            raise ValueError("data: 16 to 256 bytes, a multiple of 16, not %d" % len(data))
        if len(typed("key", key, BYTES, "bytes")) != _BLOCK:
            raise ValueError("key: 16 bytes, not %d" % len(key))
        command = b'AT+QSSLCRYPT="AES","%s",1,%d,%s' % (
            hexlify(data),
            mode,
            quoted("key", key, _BLOCK, BYTES),
        )
        return self._modem.run(self._run(command))

    def _run(self, command):
        yield from self._modem.ready()
        lines = yield from self._modem._at.run(command, ANSWER_MS, _PREFIX)
        # Quoted or not, upper or lower case: the note leaves both open.
        digits = lines[0][lines[0].find(b",") + 1 :].strip().strip(b'"') if lines else b""
        try:
            out = unhexlify(digits)
        except ValueError:
            out = b""
        if not out:
            raise CommandError("the answer holds no hex text", command="AT+QSSLCRYPT")
        return out
