"""Runs every tool and writes what it printed into host_tools/README.md. Run by `make captures`.

A capture stands between `<!-- capture: NAME -->` and the next `<!-- end -->`; CAPTURES says how to
make it. Nothing in it is written by hand. With FIRMWARE, a MicroPython UF2 for a Pico, in the
environment, those of EMULATED are made as well, which takes a quarter of an hour; else they stay.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bg95_host.demo.payload import make
from bg95_host.module_sim import SimOptions, SimServer
from bg95_host.rigs.virtual import VirtualRig
from bg95_host.testbed.pki import Authority
from bg95_host.testbed.servers import TlsServer

ROOT = Path(__file__).resolve().parents[1]
README = Path(__file__).with_name("README.md")
HOST = "broker.example.com"
_LINES = 24  # of a long output, its beginning and its end are shown
_BLOCK = re.compile(r"(<!-- capture: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass
class Scene:
    """What the tools are pointed at: a folder of files, a module, a board, a server."""

    folder: Path
    module: str
    board: str
    server: TlsServer
    firmware: Path | None


def prepare(folder: Path, authority: Authority) -> None:
    """Certificates, an app and a firmware-like file for the tools to work on."""
    authority.write(folder)
    authority.client("sensor-7").write(folder, "sensor")
    authority.server("other.example").write(folder, "other")
    (folder / "app.py").write_text("import bg95, wiring\nprint('hello from', bg95.__version__)\n")
    blocks = make(64 * 1024)
    (folder / "micropython.uf2").write_bytes(_uf2(blocks))


def _uf2(content: bytes) -> bytes:
    from uf2utils.family import Family
    from uf2utils.file import UF2File

    with tempfile.NamedTemporaryFile() as file:
        uf2 = UF2File(board_family=Family.byName("RP2040").id)
        uf2.append_payload(content, 0x10000000)
        uf2.to_file(file.name)
        return Path(file.name).read_bytes()


CAPTURES: dict[str, Callable[[Scene], str]] = {
    "demo": lambda s: "bg95 demo --size 8192 --trace trace.jsonl",
    "trace": lambda s: "bg95 trace trace.jsonl",
    "sim": lambda s: "bg95 sim --help",
    "deploy": lambda s: f"bg95 deploy --port {s.board} --board UNIX_VIRTUAL",
    "run": lambda s: "bg95 run app.py",
    "testbed": lambda s: "timeout --preserve-status 3 bg95 testbed",
    "provision": lambda s: (
        f"bg95 provision --port {s.module} --ca cacert.pem --cert sensor.pem --key sensor.key"
    ),
    "provision refused": lambda s: "bg95 provision --check --cert sensor.pem --key other.key",
    "doctor": lambda s: (
        f"bg95 doctor --port {s.module} --apn iot.apn"
        f" --server {HOST}:{s.server.port} --ca cacert.pem"
    ),
    "doctor failed": lambda s: f"bg95 doctor --port {s.module} --server {HOST}:1 --ca missing.pem",
    "at": lambda s: f"printf 'AT+CSQ\\nAT+QIACT?\\nAT+CPIN=9\\n' | bg95 at --port {s.module}",
    "probe": lambda s: f"bg95 probe --port {s.module}",
    "hil": lambda s: "bg95 hil -o hil",
    "image": lambda s: "bg95 image --board RPI_PICO --firmware micropython.uf2 --app app.py",
    "bench": lambda s: "bg95 bench",
}
EMULATED: dict[str, Callable[[Scene], str]] = {
    "bench pico": lambda s: f"bg95 bench --rig pico-emulator --firmware {_beside(s)}",
}


def _beside(scene: Scene) -> str:
    """The firmware's name, once it is in the folder that captures are made in."""
    assert scene.firmware is not None
    shutil.copy(scene.firmware, scene.folder)
    return scene.firmware.name


def capture(command: str, folder: Path, most: int = _LINES, timeout_s: float = 120) -> str:
    """Run a command as a user would; what it printed, in `most` lines, shortened in the middle."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    lines = [line.rstrip() for line in done.stdout.strip("\n").splitlines()]
    if len(lines) > most:
        half = most // 2
        lines = [*lines[:half], f"... {len(lines) - 2 * half} more lines ...", *lines[-half:]]
    status = [f"(exit status {done.returncode})"] if done.returncode else []
    return "\n".join([f"$ {command}", *lines, *status])


def main() -> None:
    """Rewrite the captures of README.md."""
    authority = Authority()
    options = SimOptions(resolve={HOST: "127.0.0.1"}, powered=True)
    with (
        tempfile.TemporaryDirectory() as name,
        TlsServer(authority.server(HOST)) as server,
        SimServer() as simulator,
        VirtualRig(options=options) as rig,
    ):
        folder = Path(name)
        prepare(folder, authority)
        module = simulator.add_module(options, listen="pty")
        firmware = os.environ.get("FIRMWARE")
        scene = Scene(folder, module.path, rig.port, server, Path(firmware) if firmware else None)
        texts = {name: capture(how(scene), folder) for name, how in CAPTURES.items()}
        if firmware:
            texts |= {
                name: capture(how(scene), folder, 100, 3600) for name, how in EMULATED.items()
            }

    def replace(match: re.Match[str]) -> str:
        if match[2] not in texts:
            return match[0]
        return f"{match[1]}```text\n{texts[match[2]]}\n```\n{match[3]}"

    README.write_text(_BLOCK.sub(replace, README.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
