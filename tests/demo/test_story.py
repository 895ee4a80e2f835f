"""The whole demo, and each of its parts killed in the middle: one named error, never a hang."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from bg95_host.demo import story
from bg95_host.demo.story import MODES, Demo, DemoError, Options, Summary
from bg95_host.demo.view import View
from bg95_host.errors import ToolError
from bg95_host.testbed import servers
from bg95_host.testbed.pki import Authority

SIZE = 8192
QUICK = {
    "boot_s": 0.2,
    "status_s": 0.1,
    "boot_urc_gap_s": 0,
    "registration_s": 0.1,
}  # a module that starts at once


def run_with(options: Options, on_progress) -> tuple[Demo, list[str]]:
    """Run the demo; call `on_progress(demo)` once data flows. Returns it and its events."""
    events = []

    def on_event(name, facts):
        events.append(name)
        if name == "progress" and facts["done"] < SIZE:
            on_progress(demo)

    demo = Demo(options, on_event)
    demo.run()
    return demo, events


def nothing(_demo) -> None:
    pass


@pytest.mark.parametrize("faults", [[], ["chunk=1"]], ids=["as is", "one byte at a time"])
def test_every_byte_comes_back_right_and_every_impostor_is_refused(faults, tmp_path):
    trace = tmp_path / "trace.jsonl"
    demo, events = run_with(Options(size=SIZE, traits=QUICK, faults=faults, trace=trace), nothing)
    summary = demo.summary
    assert tuple(exchange.mode for exchange in summary.exchanges) == MODES
    assert all(exchange.size == SIZE for exchange in summary.exchanges)
    assert demo.server.counters.sent == SIZE * len(MODES)
    assert list(summary.refused) == ["another name", "an expired certificate", "an unknown CA"]
    assert all(server.counters.accepted for server in demo.suspects.values())
    assert not any(server.counters.received for server in demo.suspects.values())
    assert events[0] == "servers" and events[-1] == "finished"
    assert trace.stat().st_size


def test_the_summary_counts_at_commands_of_each_connection():
    demo, _ = run_with(Options(size=SIZE, traits=QUICK), nothing)
    sends = -(-SIZE // 1460)
    buffer, push, transparent = (exchange.commands for exchange in demo.summary.exchanges)
    assert push >= 2 + sends  # open, close, a send for each 1460 bytes
    assert buffer >= 2 + 2 * sends  # and a read for each of them
    assert transparent < 2 + sends  # data needs no commands


@pytest.mark.parametrize("mode", MODES)
def test_killing_the_server_names_the_server(mode):
    with pytest.raises(DemoError, match=rf"the TLS server is gone; while echoing .* {mode}"):
        run_with(Options(size=SIZE, traits=QUICK, modes=[mode]), lambda demo: demo.server.stop())


def test_killing_the_simulator_names_the_module():
    with pytest.raises(ToolError, match="the simulated module died"):
        run_with(Options(size=SIZE, traits=QUICK), lambda demo: demo.simulator.stop())


def test_killing_the_vm_names_the_board():
    with pytest.raises(ToolError, match=r"the virtual board died: .* was killed by SIGKILL"):
        run_with(
            Options(size=SIZE, traits=QUICK), lambda demo: os.kill(demo.rig.pid, signal.SIGKILL)
        )


def test_an_impostor_that_is_accepted_fails_the_demo(monkeypatch):
    monkeypatch.setattr(Authority, "expired_server", Authority.server)
    with pytest.raises(DemoError, match="accepted a server with an expired certificate"):
        run_with(Options(size=SIZE, traits=QUICK, modes=[]), nothing)


def test_a_single_wrong_byte_fails_the_demo(monkeypatch):
    def spoiling_echo(peer):
        first = bytearray(peer.recv())
        first[700] ^= 1
        peer.send(bytes(first))
        servers.echo(peer)

    monkeypatch.setattr(story, "TlsServer", lambda who: servers.TlsServer(who, spoiling_echo))
    with pytest.raises(DemoError, match="byte 700 came back as 0x"):
        run_with(Options(size=SIZE, traits=QUICK, modes=["BUFFER"]), nothing)


def test_on_the_command_line_a_dead_board_is_one_sentence_and_status_1(tmp_path):
    command = [str(Path(sys.executable).with_name("bg95")), "demo", "--size", str(SIZE)]
    command += ["--trace", str(tmp_path / "trace.jsonl")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "import bg95" in line:
                kill_children(demo.pid)
                break
        rest = demo.stdout.read()
        status = demo.wait(60)
    assert status == 1
    assert "The demo failed: the virtual board died" in rest
    assert "Traceback" not in rest


def kill_children(pid: int) -> None:
    """SIGKILL to the demo's only child process, the VM."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        fields = entry.read_text().rpartition(")")[2].split()
        if int(fields[1]) == pid:
            os.kill(int(entry.parent.name), signal.SIGKILL)


def test_no_word_is_cut_on_a_narrow_terminal():
    console = Console(file=io.StringIO(), width=60, force_terminal=True, color_system=None)
    view = View(console)
    view.begin()
    view.show("servers", {"t": 0.0, "port": 12345})
    view.finish(Summary())
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    for sentence in (
        "a TLS server at 127.0.0.1:12345, and three impostors",
        "about twice a Pico's).",
    ):
        assert set(sentence.split()) <= {word for line in lines for word in line.split()}
