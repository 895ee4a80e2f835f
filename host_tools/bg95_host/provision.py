"""Putting certificates, keys and PSK files on the module, after a look at them on the PC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bg95_host import pem, pem_shape
from bg95_host.errors import ToolError, UsageError
from bg95_host.module_link import ModuleLink
from bg95_host.pem_shape import Finding

_NAME_BYTES = 80  # FILE note 2: longest file name

Progress = Callable[[str, int, int], None]  # name, bytes so far, bytes in all


@dataclass
class Item:
    """One file for the module. `data` may be secret: it is in no repr() and never printed."""

    name: str
    kind: str
    data: bytes = field(repr=False)
    findings: list[Finding] = field(default_factory=list)
    sent: bool | None = None  # True: sent now, False: the module held the same bytes


def plan(
    ca: Path | None = None,
    cert: Path | None = None,
    key: Path | None = None,
    psk: tuple[int, str, str] | None = None,
    fix: Path | None = None,
) -> list[Item]:
    """What to put on the module, judged. `psk` is (SSL context ID, identity, key in hex).

    Of a file that only needs other lines to be PEM, a clean copy is made in the folder `fix` and taken.
    Raises ToolError where a file cannot be read, UsageError where one of a pair is missing.
    """
    if bool(cert) != bool(key):
        raise UsageError("a client certificate and its key belong together: give --cert and --key")
    items = []
    if ca:
        data, repaired = _read(ca, fix)
        findings = repaired + list(pem.check_ca(data, name=ca.name))
        items.append(Item(_name(ca), "CA certificate", data, findings))
    if cert and key:
        (data, repaired), (key_data, key_repaired) = _read(cert, fix), _read(key, fix)
        findings = repaired + list(pem.check_client(data, name=cert.name))
        items.append(Item(_name(cert), "client certificate", data, findings))
        findings = key_repaired + list(pem.check_key(key_data, data, name=key.name))
        items.append(Item(_name(key), "private key", key_data, findings))
    if psk:
        context, identity, secret = psk
        findings = list(pem.check_psk(identity, secret))
        # SSL note 3.6: the name and the form of the file are the module's.
        data = f"{identity}&{secret}".encode("utf-8", "replace")
        items.append(Item(f"{context}_server.psk", "pre-shared key", data, findings))
    if not items:
        raise UsageError("nothing to do: name a file with --ca, --cert and --key, or a PSK")
    _refuse_equal_names(items)
    return items


def refuse_errors(items: Sequence[Item]) -> None:
    """Raise ToolError with what is wrong, if anything is."""
    wrong = [
        f"{item.name}: {finding.text}"
        for item in items
        for finding in item.findings
        if finding.level == "error"
    ]
    if wrong:
        raise ToolError("; ".join(wrong) + ". Nothing was sent")


def provision(link: ModuleLink, items: Sequence[Item], progress: Progress | None = None) -> None:
    """Store every item; size and checksum are compared by the driver. Sets `sent` on each.

    Raises ToolError where an item has an error (nothing is sent then), or the module fails or
    Ctrl-C comes (with what it holds by then).
    """
    refuse_errors(items)
    link.activate()
    for item in items:
        size = len(item.data)

        def report(done: int, item: Item = item, size: int = size) -> None:
            if progress:
                progress(item.name, done, size)

        try:
            item.sent = link.upload(item.name, item.data, report)
        except (ToolError, KeyboardInterrupt) as error:
            raise ToolError(f"{str(error) or 'stopped'}. {_state(items, item)}") from error


def _state(items: Sequence[Item], failed: Item) -> str:
    """What the module holds after the upload of `failed` did not end well."""
    arrived = ", ".join(item.name for item in items if item.sent is not None)
    there = f"{arrived} arrived; " if arrived else ""
    return f"{there}{failed.name} is missing there, or damaged: provision it again before using it"


def _read(file: Path, fix: Path | None) -> tuple[bytes, list[Finding]]:
    """The file's content, or that of its clean copy in `fix` and the note that it was made."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ToolError(f"{file} cannot be read: {error.strerror}") from error
    clean = pem_shape.repaired(data) if fix else None
    if fix is None or clean is None:
        return data, []
    copy = fix / file.name
    if copy.exists() and copy.samefile(file):
        raise UsageError(f"--fix would write over {file}: name another folder")
    try:
        fix.mkdir(parents=True, exist_ok=True)
        copy.touch(mode=0o600)  # it may be a private key
        copy.write_bytes(clean)
    except OSError as error:
        raise ToolError(f"{copy} cannot be written: {error.strerror}") from error
    return clean, [Finding("ok", f"the clean copy {copy} is taken")]


def _name(file: Path) -> str:
    """The file's own name, if a module can take it."""
    name = file.name
    if len(name.encode()) > _NAME_BYTES or any(c in '"\\' or not 32 <= ord(c) < 127 for c in name):
        raise ToolError(
            f"{name!r} cannot be a file name on the module: rename it to plain ASCII without "
            f"quotes, {_NAME_BYTES} characters at most"
        )
    return name


def _refuse_equal_names(items: Sequence[Item]) -> None:
    names = [item.name for item in items]
    for name in names:
        if names.count(name) > 1:
            raise ToolError(f"two files would be {name} on the module; rename one of them")
