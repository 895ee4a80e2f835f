"""The flash file system's commands (spec 2.8)."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..flash import NAME_BYTES, checksum, crcs
from ..registry import Command, Family, Int, OneOf, Text
from ..results import Aborted, CmeError, Final, PlainError, Raw, Receive, Word

if TYPE_CHECKING:
    from ..core import Module

DEFAULT_SIZE = 10240
BLOCK = 1024  # ACK mode, spec 2.8.1
MOST_OPEN = 10
# Longer names than NAME_BYTES parse, so that they can be refused with 406.
NAME = Text("filename", 255)
(
    LARGER_THAN_FILE,
    NOT_FOUND,
    BAD_NAME,
    EXISTS,
    TOO_MANY_OPEN,
    READ_ONLY,
    BAD_HANDLE,
    NO_SPACE,
    TIMED_OUT,
    IS_OPEN,
) = (401, 405, 406, 407, 413, 414, 416, 420, 421, 426)


def plain_name(name: str) -> str:
    """A file name without the optional UFS: prefix; raises 406."""
    name = name[4:] if name.upper().startswith("UFS:") else name
    if not 0 < len(name) <= NAME_BYTES:
        raise CmeError(BAD_NAME)
    return name


def shown_name(m: Module, name: str) -> str:
    """A file name as it is printed."""
    return f"UFS:{name}" if m.traits.ufs_prefix else name


def existing(m: Module, name: str) -> str:
    """The name of a file that is there; raises 405."""
    name = plain_name(name)
    if name not in m.flash:
        raise CmeError(NOT_FOUND)
    return name


QFLDS = Command("+QFLDS", Family.FILE, "2.8", test="")


@QFLDS.execute
def qflds(m: Module) -> Iterator[str]:
    yield f"+QFLDS: {m.flash.used},{len(m.flash.names())}"


@QFLDS.write(Text("storage", 8))
def qflds_ufs(m: Module, storage: str) -> Iterator[str]:
    if storage.upper() != "UFS":
        raise CmeError(400)
    yield f"+QFLDS: {m.flash.free},{m.flash.total}"


QFLST = Command("+QFLST", Family.FILE, "2.8", test="")


@QFLST.execute
def qflst(m: Module) -> Iterator[str]:
    for name in m.flash.names():
        yield _listed(m, name)


def _listed(m: Module, name: str) -> str:
    return f'+QFLST: "{shown_name(m, name)}",{m.flash.size(name)}'


@QFLST.write(Text("pattern", NAME_BYTES))
def qflst_one(m: Module, pattern: str) -> Iterator[str]:
    if pattern == "*":
        yield from qflst(m)
        return
    yield _listed(m, existing(m, pattern))


QFDEL = Command("+QFDEL", Family.FILE, "2.8", test="<filename>")


@QFDEL.write(NAME)
def qfdel(m: Module, name: str) -> None:
    doomed = m.flash.names() if name == "*" else [existing(m, name)]
    open_names = {file.name for file in m.open_files.values()}
    if open_names.intersection(doomed):
        raise CmeError(IS_OPEN)
    for each in doomed:
        m.flash.delete(each)


QFCRC = Command("+QFCRC", Family.FILE, "2.8", test="<filename>")


@QFCRC.write(NAME)
def qfcrc(m: Module, name: str) -> Iterator[str]:
    yield "+QFCRC: {:x},{:x},{:x}".format(*crcs(m.flash.get(existing(m, name)) or b""))


QFCPY = Command("+QFCPY", Family.FILE, "2.8", test="<src_file>,<dest_file>[,<enable>]")


@QFCPY.write(NAME, NAME, Int("enable", 0, 1, default=0))
def qfcpy(m: Module, source: str, target: str, enable: int) -> None:
    """With `enable` it overwrites."""
    source, target = existing(m, source), plain_name(target)
    if source == target:
        raise CmeError(BAD_NAME)
    if target in m.flash and not enable:
        raise CmeError(EXISTS)
    content = m.flash.get(source) or b""
    given_up = m.flash.size(target) if target in m.flash else 0
    if len(content) > m.flash.free + given_up or m.faults.flash_is_full():
        raise CmeError(NO_SPACE)
    m.flash.put(target, content)


QFUPL = Command("+QFUPL", Family.FILE, "2.8.1")


@QFUPL.tests
def qfupl_test(m: Module) -> Iterator[str]:
    free = m.flash.free if m.traits.upload_test_free else "<freesize>"
    yield f"+QFUPL: <filename>[,(1-{free})[,(1-65535)[,(0,1)]]]"


@QFUPL.write(
    NAME,
    Int("size", 1, 2**31 - 1, default=DEFAULT_SIZE),
    Int("timeout", 1, 65535, default=5),
    OneOf("ackmode", (0, 1), default=0),
)
def qfupl(m: Module, name: str, size: int, timeout: int, ack: int) -> Iterator[Any]:
    name = plain_name(name)
    if name in m.flash:
        raise CmeError(EXISTS)
    if size > m.flash.free or m.faults.flash_is_full():
        raise CmeError(NO_SPACE)
    yield Word("CONNECT")
    data, aborted = yield from _upload(
        Receive(
            size,
            idle=timeout,
            idle_restarts=m.traits.upload_timeout_restarts,
            ack_every=BLOCK if ack else 0,
            echo=m.traits.echo_upload,
            abort_on_escape=True,
        )
    )
    if data and m.faults.corrupts_upload():
        data = bytes((data[0] ^ 1,)) + data[1:]
    m.flash.put(name, data)
    result = yield from _report(m, aborted, f"+QFUPL: {len(data)},{checksum(data)}")
    return result


def _upload(wanted: Receive) -> Generator[Any, Any, tuple[bytes, bool]]:
    """The host's bytes, and whether `+++` or DTR cut them short."""
    try:
        data = yield wanted
    except Aborted as aborted:
        return aborted.args[0], True
    return data, False


def _report(m: Module, aborted: bool, line: str) -> Generator[Any, Any, Final | None]:
    """How a transfer ends; what an aborted one prints is not documented (spec 2.7)."""
    how = m.traits.abort_result if aborted else "report"
    if how == "error":
        raise PlainError
    if how == "numbered":
        raise CmeError(TIMED_OUT)
    if how == "report":
        yield line
    return None


QFDWL = Command("+QFDWL", Family.FILE, "2.8", test="<filename>")


@QFDWL.write(NAME)
def qfdwl(m: Module, name: str) -> Iterator[Any]:
    data = m.flash.get(existing(m, name)) or b""
    yield Word("CONNECT")
    m.trace("module", len=len(data))
    yield Raw(data)
    yield f"+QFDWL: {len(data)},{checksum(data)}"


# -- open files ------------------------------------------------------------------------------------


@dataclass
class OpenFile:
    """A handle's file, place and mode."""

    name: str
    mode: int
    offset: int = 0


HANDLE = Int("filehandle", 0, 2**31 - 1)


def opened(m: Module, handle: int) -> OpenFile:
    """The open file behind a handle; raises 416."""
    if handle not in m.open_files:
        raise CmeError(BAD_HANDLE)
    return m.open_files[handle]


QFOPEN = Command("+QFOPEN", Family.FILE, "2.8", test="<filename>[,(0-2)]")


@QFOPEN.write(NAME, Int("mode", 0, 2, default=0))
def qfopen(m: Module, name: str, mode: int) -> Iterator[str]:
    """0 open or create, 1 create or truncate, 2 read only (spec 2.8)."""
    name = existing(m, name) if mode == 2 else plain_name(name)
    if any(file.name == name for file in m.open_files.values()):
        raise CmeError(IS_OPEN)
    if len(m.open_files) >= MOST_OPEN:
        raise CmeError(TOO_MANY_OPEN)
    if mode == 1 or name not in m.flash:
        m.flash.put(name, b"")
    handle = m.next_handle
    m.next_handle += 1
    m.open_files[handle] = OpenFile(name, mode)
    yield f"+QFOPEN: {handle}"


@QFOPEN.read
def qfopen_read(m: Module) -> Iterator[str]:
    for handle, file in m.open_files.items():
        yield f'+QFOPEN: "{shown_name(m, file.name)}",{handle},{file.mode}'


QFREAD = Command("+QFREAD", Family.FILE, "2.8", test="<filehandle>[,<length>]")


@QFREAD.write(HANDLE, Int("length", 1, 2**31 - 1, default=None))
def qfread(m: Module, handle: int, length: int | None) -> Iterator[Any]:
    file = opened(m, handle)
    content = m.flash.get(file.name) or b""
    end = len(content) if length is None else file.offset + length
    data = content[file.offset : end]
    file.offset += len(data)
    m.trace("module", len=len(data))
    yield Word(f"CONNECT {len(data)}")
    yield Raw(data)


QFWRITE = Command("+QFWRITE", Family.FILE, "2.8", test="<filehandle>[,<length>[,<timeout>]]")


@QFWRITE.write(
    HANDLE, Int("length", 1, 2**31 - 1, default=DEFAULT_SIZE), Int("timeout", 1, 65535, default=5)
)
def qfwrite(m: Module, handle: int, length: int, timeout: int) -> Iterator[Any]:
    file = opened(m, handle)
    if file.mode == 2:
        raise CmeError(READ_ONLY)
    yield Word("CONNECT")
    data, aborted = yield from _upload(Receive(length, idle=timeout, abort_on_escape=True))
    written = _store(m, file, data)
    result = yield from _report(m, aborted, f"+QFWRITE: {written},{m.flash.size(file.name)}")
    return result


def _store(m: Module, file: OpenFile, data: bytes) -> int:
    """Write at the file's place; what does not fit is not written."""
    old = m.flash.get(file.name) or b""
    growth = max(0, file.offset + len(data) - len(old))
    data = data[: len(data) - max(0, growth - m.flash.free)]
    m.flash.put(file.name, old[: file.offset] + data + old[file.offset + len(data) :])
    file.offset += len(data)
    return len(data)


QFSEEK = Command("+QFSEEK", Family.FILE, "2.8", test="<filehandle>,<offset>[,<position>]")


@QFSEEK.write(HANDLE, Int("offset", 0, 2**31 - 1), OneOf("position", (0, 1, 2), default=0))
def qfseek(m: Module, handle: int, offset: int, position: int) -> None:
    """From the start (0), from the place (1), from the end (2)."""
    file = opened(m, handle)
    size = m.flash.size(file.name)
    place = (offset, file.offset + offset, size - offset)[position]
    if not 0 <= place <= size:
        raise PlainError if m.traits.seek_beyond == "plain" else CmeError(LARGER_THAN_FILE)
    file.offset = place


QFPOSITION = Command("+QFPOSITION", Family.FILE, "2.8", test="<filehandle>")


@QFPOSITION.write(HANDLE)
def qfposition(m: Module, handle: int) -> Iterator[str]:
    yield f"+QFPOSITION: {opened(m, handle).offset}"


QFTUCAT = Command("+QFTUCAT", Family.FILE, "2.8", test="<filehandle>")


@QFTUCAT.write(HANDLE)
def qftucat(m: Module, handle: int) -> None:
    """Cut the file at its place."""
    file = opened(m, handle)
    if file.mode == 2:
        raise CmeError(READ_ONLY)
    m.flash.put(file.name, (m.flash.get(file.name) or b"")[: file.offset])


QFCLOSE = Command("+QFCLOSE", Family.FILE, "2.8", test="<filehandle>")


@QFCLOSE.write(HANDLE)
def qfclose(m: Module, handle: int) -> None:
    opened(m, handle)
    del m.open_files[handle]
