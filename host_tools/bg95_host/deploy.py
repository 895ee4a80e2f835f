"""Putting the compiled driver, the board's wiring and an app on a board: only what changed.

A file goes to the board under a second name, is verified there by its hash, and all of them change
place at the end: a cable pulled while copying leaves the driver that was there before.
"""

from __future__ import annotations

import errno
import hashlib
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from bg95_host import boards, mpy, places
from bg95_host.boards import Board
from bg95_host.errors import ToolError
from bg95_host.mpremote_link import BoardError, BoardException, BoardLink

PACKAGE_DIR = "/lib/bg95"
_NEW = ".new"
OLDEST_FIRMWARE = (1, 24)

Progress = Callable[[str, int, int], None]  # file, bytes copied, bytes in all


class DeployError(ToolError):
    """The board cannot take the driver, or the deploy was cut short; says what the board holds."""


class DeployStopped(DeployError):
    """Ctrl-C cut the deploy short."""


@dataclass(frozen=True)
class Firmware:
    """What runs on the board. `machine` and `version` as in sys.implementation."""

    machine: str
    version: tuple[int, ...]
    arch: str
    free: int

    def __str__(self) -> str:
        version = ".".join(str(part) for part in self.version[:3])
        return f"MicroPython {version} on {self.machine}"


@dataclass
class Report:
    """What a deploy did. Sizes in bytes; names are paths on the board."""

    firmware: str
    board: str
    copied: dict[str, int] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)


def deploy(
    port: str,
    board: str | Board | None = None,
    app: Path | None = None,
    progress: Progress | None = None,
    reset: bool = True,
    files: Mapping[str, Path] | None = None,
    debug: bool = False,
) -> Report:
    """Bring the board on `port` up to date; with `reset`, soft-reset it so that the app runs.

    `board` None: found by what the firmware says it runs on. `app` becomes main.py, `files` are more of
    them by their path there; `debug` as build(). Raises ToolError with one sentence for the user.
    """
    with BoardLink(port) as link:
        firmware = inspect(link)
        known = find_board(board, firmware)
        wanted = build(known, firmware.arch, app, files, debug)
        try:
            report = _synchronise(link, firmware, known, wanted, progress)
        except BoardException as e:
            raise link.failed(e) from e
        _check_import(link)
        if reset:
            _start_app(link)
    return report


_IMPORT = """
def _first():
    for folder in sys.path:
        for ending in ('', '.py', '.mpy'):
            try:
                os.stat(folder + '/bg95' + ending)
                return folder + '/bg95' + ending
            except OSError:
                pass
found = _first()
if found == {package!r}:
    for name in [m for m in sys.modules if m == 'bg95' or m.startswith('bg95.')]:
        del sys.modules[name]
    import bg95
    found = bg95.__file__
print(json.dumps(found))
"""


def _check_import(link: BoardLink) -> None:
    """DeployError where `import bg95` does not take what was put there: others come first on sys.path."""
    try:
        found = link.decoded(link.execute(_IMPORT.format(package=PACKAGE_DIR)), str)
    except BoardException as e:
        said = f"the files are on the board, but `import bg95` there fails: {e.last}"
        raise DeployError(said) from e
    if found.startswith(f"{PACKAGE_DIR}/"):
        return
    if not found.startswith("/"):
        raise DeployError(
            f"the driver is in {PACKAGE_DIR}, but `import bg95` takes the one frozen into the "
            "firmware: flash a firmware without it, or one with the new one"
        )
    raise DeployError(
        f"the driver is in {PACKAGE_DIR}, but `import bg95` takes {found}: remove that "
        f"(mpremote connect {link.port} fs rm -r :{found})"
    )


def _start_app(link: BoardLink) -> None:
    try:
        link.soft_reset_into_app()
    except BoardError as e:
        raise DeployError(f"{e} at its reset: it holds the new files, verified") from e


def sources(board: str | None, app: Path | None, files: Iterable[Path] = ()) -> list[Path]:
    """The files and folders whose change makes another deploy worth while."""
    driver = places.FIRMWARE / "bg95"
    folders = [driver, *(path for path in driver.rglob("[!_]*") if path.is_dir())]
    wirings = [boards.load(name).wiring for name in ([board] if board else boards.names())]
    return [*folders, *wirings, *(file.resolve() for file in ([app] if app else []) + [*files])]


def build(
    board: Board,
    arch: str = "",
    app: Path | None = None,
    files: Mapping[str, Path] | None = None,
    debug: bool = False,
) -> dict[str, bytes]:
    """The files that belong on a board, by their path there; `debug`: a traceback of the driver tells its lines."""
    driver = mpy.compile_package(places.FIRMWARE / "bg95", arch, debug)
    built = {f"{PACKAGE_DIR}/{path}": compiled for path, compiled in driver.items()}
    built["/wiring.py"] = _program(board.wiring)
    if app is not None:
        built["/main.py"] = _program(app)
    for path, source in (files or {}).items():
        built[posixpath.normpath(f"/{path.lstrip('/')}")] = _content(source)
    return built


def _program(file: Path) -> bytes:
    """A file that goes as it is, but for its syntax errors: a board would tell nobody."""
    program = _content(file)
    mpy.compile_source(file, file.name)
    return program


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as e:
        raise DeployError(f"{file} cannot be read: {e.strerror}") from e


_INSPECT = """
import sys, os, json
i = sys.implementation
s = os.statvfs('/')
print(json.dumps([i.name, list(i.version), getattr(i, '_mpy', 0), getattr(i, '_machine', '?'),
                  s[0] * s[3]]))
"""


def inspect(link: BoardLink) -> Firmware:
    """Ask the board what it runs; DeployError if the driver cannot run on that."""
    facts = link.ask(_INSPECT, tuple[str, list[int | str], int, str, int])
    name, version, mpy_word, machine, free = facts
    if name != "micropython":
        raise DeployError(f"the board on {link.port} runs {name}; bg95 needs MicroPython")
    number = tuple(part for part in version if isinstance(part, int))
    if number[:2] < OLDEST_FIRMWARE or mpy_word & 0xFF != mpy.BYTECODE_VERSION:
        running = ".".join(map(str, number))
        raise DeployError(
            f"the firmware on {link.port} is MicroPython {running}, and bg95 needs "
            f"{OLDEST_FIRMWARE[0]}.{OLDEST_FIRMWARE[1]} or newer: update it (https://micropython.org/download)"
        )
    arch = mpy_word >> 10 & 0xF
    known = mpy.ARCHITECTURES[arch] if arch < len(mpy.ARCHITECTURES) else ""
    return Firmware(machine, number, known, free)


def find_board(board: str | Board | None, firmware: Firmware) -> Board:
    """The board of boards/: the one named, or the one that the firmware says it runs on."""
    if isinstance(board, Board):
        return board
    if board:
        return _of_same_chip(boards.load(board), firmware)
    described = map(boards.load, boards.names())
    matching = [b for b in described if firmware.machine.startswith(b.machine)]
    if len(matching) == 1:
        return matching[0]
    how_many = "more than one folder" if matching else "no folder"
    raise DeployError(
        f"{how_many} of boards/ describes {firmware.machine!r}; name one with --board: "
        + ", ".join(b.name for b in matching or map(boards.load, boards.names()))
    )


def _of_same_chip(board: Board, firmware: Firmware) -> Board:
    """The board, unless its firmware names another chip: the pins of its wiring are not there."""
    chip = re.search(r" with (\w+)[^ ]*$", firmware.machine)  # "Raspberry Pi Pico with RP2040"
    if chip and chip[1].lower() != board.mcu:
        raise DeployError(
            f"{board.name} has the chip {board.mcu}, and the firmware runs on {firmware.machine}: "
            "name another board"
        )
    return board


_HELPERS = """
import sys, os, hashlib, json
def _hash(path):
    h = hashlib.sha256()
    buf = memoryview(bytearray(512))
    with open(path, 'rb') as f:
        while True:
            n = f.readinto(buf)
            if not n:
                return ''.join('%02x' % b for b in h.digest())
            h.update(buf[:n])
def _hashes(paths):
    found = {}
    for path in paths:
        try:
            found[path] = _hash(path)
        except OSError:
            pass
    return found
def _remove(paths):
    for path in paths:
        try:
            os.remove(path)
        except OSError:
            pass
def _listed(folder):
    try:
        return [(folder + '/' + e[0], e[1] == 0x4000) for e in os.ilistdir(folder)]
    except OSError:
        return []
def _entries(folder):
    found = []
    for path, is_folder in _listed(folder):
        found += _entries(path) if is_folder else [path]
    return found
def _prune(folder):  # an empty folder hides a module of its name
    for path, is_folder in _listed(folder):
        if is_folder:
            _prune(path)
            try:
                os.rmdir(path)
            except OSError:
                pass
"""

_SWITCH = """
for path in {changed!r}:
    os.rename(path + {new!r}, path)
_remove({stale!r})
_prune({package!r})
if hasattr(os, 'sync'):
    os.sync()
"""


def _synchronise(
    link: BoardLink,
    firmware: Firmware,
    board: Board,
    wanted: dict[str, bytes],
    progress: Progress | None,
) -> Report:
    link.execute(_HELPERS)
    present = _entries(link, PACKAGE_DIR)
    unfinished = [p for p in present if p.endswith(_NEW)] + [p + _NEW for p in wanted]
    _remove(link, unfinished)  # of a deploy that was cut short
    there = _hashes(link, [*wanted, *present])
    changed = [p for p, data in wanted.items() if there.get(p) != hashlib.sha256(data).hexdigest()]
    stale = [p for p in present if p not in wanted and p not in unfinished]
    if changed:
        _check_space(link, firmware, board, [len(wanted[p]) for p in changed])
        _copy(link, {p: wanted[p] for p in changed}, progress)
    if changed or stale:
        _switch(link, changed, stale, wanted)
    return Report(
        firmware=str(firmware),
        board=board.name,
        copied={p: len(wanted[p]) for p in changed},
        removed=stale,
        unchanged=[p for p in wanted if p not in changed],
    )


def _entries(link: BoardLink, folder: str) -> list[str]:
    return link.ask(f"print(json.dumps(_entries({folder!r})))", list[str])


def _hashes(link: BoardLink, paths: Iterable[str]) -> dict[str, str]:
    return link.ask(f"print(json.dumps(_hashes({list(paths)!r})))", dict[str, str])


def _check_space(link: BoardLink, firmware: Firmware, board: Board, sizes: list[int]) -> None:
    block = board.flash.block_size
    needed = sum(-(-size // block) * block for size in sizes) + 2 * block  # and the directories
    if needed > firmware.free:
        raise _no_space(link, needed, firmware.free)


def _no_space(link: BoardLink, needed: int, free: int) -> DeployError:
    return DeployError(
        f"there is no room on the board: {needed // 1024} KiB are needed and {free // 1024} KiB "
        f"are free; remove files (mpremote connect {link.port} fs rm ...). The board is as it was"
    )


def _copy(link: BoardLink, files: dict[str, bytes], progress: Progress | None) -> None:
    total = sum(map(len, files.values()))
    done = 0
    try:
        for path, data in files.items():
            _make_folders(link, path)
            at = done

            def report(written: int, _size: int, path: str = path, at: int = at) -> None:
                if progress:
                    progress(path, at + written, total)

            link.write_file(path + _NEW, data, report)
            done += len(data)
        _verify(link, {path + _NEW: data for path, data in files.items()})
    except OSError as e:
        _remove(link, [path + _NEW for path in files])
        if e.errno == errno.ENOSPC:
            raise _no_space(link, total, 0) from e
        raise DeployError(f"the board cannot store {e}: it still has the driver it had") from e
    except (BoardError, KeyboardInterrupt) as e:
        raise _cut_short(link, e, "copying: the board still has the driver it had") from e


def _make_folders(link: BoardLink, path: str) -> None:
    for folder in reversed(PurePosixPath(path).parents[:-1]):
        link.execute(f"try:\n os.mkdir({str(folder)!r})\nexcept OSError:\n pass")


def _remove(link: BoardLink, paths: Iterable[str]) -> None:
    link.execute(f"_remove({list(paths)!r})")


def _switch(
    link: BoardLink, changed: list[str], stale: list[str], wanted: dict[str, bytes]
) -> None:
    try:
        link.execute(_SWITCH.format(changed=changed, new=_NEW, stale=stale, package=PACKAGE_DIR))
        _verify(link, {path: wanted[path] for path in changed})
    except (BoardError, BoardException, KeyboardInterrupt) as e:
        where = "the new files took their places: the board may hold some old and some new ones"
        raise _cut_short(link, e, where) from e


def _cut_short(link: BoardLink, by: BaseException, where: str) -> DeployError:
    if isinstance(by, KeyboardInterrupt):
        return DeployStopped(f"stopped while {where}; deploy again before using it")
    if isinstance(by, BoardException):
        by = link.failed(by)
    return DeployError(f"{by} while {where}; connect it and deploy again")


def _verify(link: BoardLink, files: dict[str, bytes]) -> None:
    there = _hashes(link, files)
    for path, data in files.items():
        if there.get(path) != hashlib.sha256(data).hexdigest():
            raise BoardError(f"{path} did not arrive as it was sent")
