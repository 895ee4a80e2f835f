"""The module's flash file system (UFS): certificates, keys, PSK (FILE 2). In constant memory.

An upload is compared by size and 16-bit checksum, which is blind to swapped words; what the module holds already
is compared byte by byte before anything is sent.
"""

import io

from micropython import RingIO, const

from ..at import CME, CONNECT, RUNNING
from ..errors import FileError
from ..job import Job
from .at import unintelligible
from .limits import BYTES, FILE_MS, NAME_MAX, UPLOAD_S, able, flag, quoted

_BLOCK = const(256)  # bytes moved at a time
_ACK_BLOCK = const(1024)  # FILE 2.4: in ACK mode the module confirms every 1024 bytes
_NOT_FOUND = const(405)


class Checksum:
    """FILE 2.4: XOR of the 16-bit big-endian words; an odd last byte is a high byte."""

    def __init__(self):
        self.value = 0
        self._odd = 0

    def update(self, data):
        """Go on with `data` (bytes)."""
        for b in data:
            self.value ^= b if self._odd else b << 8
            self._odd ^= 1


class _Pipe:
    """Sink of the framer for one block. What exceeds it nobody asked for."""

    def __init__(self):
        self._ring = RingIO(_BLOCK + 1)
        self.broken = False

    def room(self):
        return _BLOCK

    def put(self, buf, off, n):
        if self._ring.any() + n > _BLOCK:
            self.broken = True
        else:
            self._ring.write(buf, off, n)  # pyright: ignore[reportCallIssue]

    def take(self):
        n = self._ring.any()
        return self._ring.read(n) if n else b""  # pyright: ignore[reportCallIssue] - the stubs lack n

    def _cut(self):
        self.broken = True


class Service:
    """`modem.files`. Names are 1 to 80 bytes, no quotes, asterisks or control characters. Everything here blocks and
    allocates a little; nothing depends on the size of a file. Raises FileError with the module's number."""

    def __init__(self, modem):
        self._modem = modem

    def upload(self, name, data, *, ack=False):
        """Put `data` (bytes, str, or a seekable binary stream read from its start) on the module as `name`.

        Returns True if it was sent, False if the module already held the same bytes. A different file of that name
        is replaced. ack: let the module confirm every 1024 bytes (FILE 2.4, for a UART without flow control).
        What the stream raises comes out here, and leaves no file.
        """
        return self._modem.run(self._upload(name, data, flag("ack", ack)))

    def list(self):
        """[(name, size in bytes)] of all files (AT+QFLST)."""
        return self._modem.run(self._list())

    def remove(self, name):
        """Delete a file (AT+QFDEL). Raises FileError 405 where there is none."""
        return self._modem.run(self._remove(_named(name)))

    def read(self, name, stream):
        """Copy a file to `stream`.write(bytes); returns its size."""
        able("stream", stream, "write")
        return self._modem.run(self._read(name, stream.write))

    def free(self):
        """Free bytes of the file system (AT+QFLDS)."""
        return self._modem.run(self._free())

    # -- flows ---------------------------------------------------------------------------------------

    def _remove(self, named):
        yield from self._modem._at.run(b"AT+QFDEL=" + named, FILE_MS)

    def _free(self):
        return (yield from self._modem._at.ask(b'AT+QFLDS="UFS"', "i"))[0]

    def _list(self, named=b'"*"'):
        at = self._modem._at
        command = b"AT+QFLST=" + named
        out = []
        try:
            for answer in (yield from at.ask_all(command, "si", FILE_MS)):
                found = answer[0]
                out.append((found[4:] if found.startswith("UFS:") else found, answer[1]))
        except FileError as e:
            if e.code != _NOT_FOUND:
                raise
        return out

    def _upload(self, name, data, ack=False):
        named = _named(name)
        stream = data.encode() if isinstance(data, str) else data
        if isinstance(stream, BYTES):
            stream = io.BytesIO(stream)  # pyright: ignore[reportCallIssue, reportArgumentType]
        able("data", stream, "seek", "read")
        size = stream.seek(0, 2)  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(stream.read(0), str):  # pyright: ignore[reportAttributeAccessIssue]
            raise ValueError("upload: open the file with mode 'rb'")
        if size == 0:
            raise ValueError("upload: %s would be empty" % name)
        held = yield from self._list(named)
        if held:
            if held[0][1] == size and (yield from self._same(name, stream)):
                return False
            yield from self._remove(named)
        wanted = [True]
        yield from self._shielded(self._send(name, stream, size, ack, wanted), wanted)
        held = yield from self._list(named)
        if not held or held[0][1] != size:  # AT+QFUPL tells no name: it may have come damaged
            raise FileError(
                "%s is not there: a byte of its name was lost on the UART; upload it again" % name,
                command="AT+QFLST",
            )
        return True

    def _shielded(self, flow, wanted, undo=None):
        """Flow: run one that must not stop half way. Cancelled, it goes on as a job; `wanted` is empty then. Where it
        has just ended, the flow undo(its result) makes good for it.
        """
        job = Job(self._modem, flow)
        try:
            while not job.done:
                yield
        except GeneratorExit:
            wanted.clear()
            if undo is not None and job.value is not None:
                Job(self._modem, undo(job.value))
            raise
        return job.result()

    def _same(self, name, stream):
        """Flow: whether the file holds what the stream does."""
        stream.seek(0)
        different = []

        def compare(data):
            if not different and _exactly(stream, len(data)) != data:
                different.append(True)

        yield from self._read(name, compare)
        return not different

    def _send(self, name, stream, size, ack, wanted):
        """Flow: AT+QFUPL. The module counts: it listens to commands again when it has all bytes, or none for
        UPLOAD_S (FILE 2.4). Where there are no more, it gets others in their place, and the file is removed.
        """
        at = self._modem._at
        named = _named(name)
        command = b"AT+QFUPL=%s,%d,%d%s" % (named, size, UPLOAD_S, b",1" if ack else b"")
        stream.seek(0)
        yield from at.start(command, FILE_MS, b"+QFUPL: ", connects=True)
        lines = yield from at.wait()
        at.check(command)
        if at.result != CONNECT:
            raise unintelligible(command)
        checksum = Checksum()
        sent = read = 0
        error = None
        at.resume(FILE_MS)
        while sent < size:
            room = min(_BLOCK, size - sent, _ACK_BLOCK - sent % _ACK_BLOCK)
            piece = b""
            if wanted and read == sent:
                try:
                    piece = stream.read(room)
                    read += len(piece)
                except Exception as e:
                    error = e
            yield
            if at.held or at.result != RUNNING:
                break  # the stream took too long: what is sent now would be a command
            piece = piece or bytes(room)
            n = len(piece)
            confirmed = ack and (sent + n) % _ACK_BLOCK == 0 and sent + n < size
            if confirmed:
                at.framer.prompt = 65  # "A", which may come as soon as the last byte has left
            at.send(piece, 0, n)
            checksum.update(piece)
            while at.out is not None:
                yield
            sent += n
            if confirmed:
                lines = yield from at.wait()
            if at.result != (CONNECT if confirmed else RUNNING):
                break  # refused half way, or ended: check() below says what for
            at.resume(FILE_MS)
        lines += yield from at.wait()
        at.check(command)
        if error is not None or (sent == size and read < size):
            yield from self._remove(named)
            raise error or FileError(
                "the stream ended after %d of %d bytes" % (read, size), command="AT+QFUPL"
            )
        try:
            written, value = lines[0][8:].split(b",")
            written, value = int(written), int(value, 16)
        except (IndexError, ValueError):
            raise unintelligible(command)
        if written != size or value != checksum.value:
            raise FileError(
                "%s arrived as %d bytes with checksum %x, not %d and %x: bytes were lost on the UART; upload it again"
                % (name, written, value, size, checksum.value),
                command="AT+QFUPL",
            )

    def _read(self, name, write):
        """Flow: read a file through AT+QFOPEN, AT+QFREAD (whose answers are counted) and AT+QFCLOSE."""
        at = self._modem._at
        command = b"AT+QFOPEN=%s,2" % _named(name)
        wanted = [True]
        handle = yield from self._shielded(self._open(command, wanted), wanted, self._close)
        size = 0
        try:
            while True:
                n = yield from self._read_block(b"AT+QFREAD=%d,%d" % (handle, _BLOCK), write)
                size += n
                if n < _BLOCK:
                    return size
        except GeneratorExit:
            Job(self._modem, self._close(handle))  # cancelled: a flow that ends may not wait
            handle = None
            raise
        finally:
            if handle is not None and not at.dead:
                yield from self._close(handle)

    def _open(self, command, wanted):
        """Flow: AT+QFOPEN; returns the handle. Closed at once where nobody wants it any more."""
        handle = (yield from self._modem._at.ask(command, "i", FILE_MS))[0]
        if not wanted:
            yield from self._close(handle)
        return handle

    def _close(self, handle):
        yield from self._modem._at.run(b"AT+QFCLOSE=%d" % handle, FILE_MS)

    def _read_block(self, command, write):
        at = self._modem._at
        pipe = _Pipe()
        size = 0
        yield from at.start(command, FILE_MS, None, pipe, connects=True)
        yield from at.wait()
        if pipe.broken:
            raise FileError("bytes were lost on the UART", command="AT+QFREAD")
        if at.result == CME and at.cme == 402:  # FILE 3: "read zero byte", the end of the file
            return 0
        at.check(command)
        piece = pipe.take()
        if piece:
            write(piece)
            size = len(piece)
        return size


def _named(name):
    """A file's name as AT parameter. Not "*": that is every file there is, for AT+QFDEL as well (FILE 2.2, 2.3)."""
    named = quoted("name", name, NAME_MAX)
    if b"*" in named:
        raise ValueError('name: no "*", which means every file')
    return named


def _exactly(stream, n):
    """n bytes of a stream that may give less at a time; fewer only at its end."""
    data = stream.read(n)
    while len(data) < n:
        more = stream.read(n - len(data))
        if not more:
            break
        data += more
    return data
