"""Every row of the command reference, played with raw bytes against the simulated module.

`tests/spec/README.md` says what a row is. The documented answer is the module's default; every
other answer that a row allows is a trait, named here, and is played as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from spec import ROWS, SEQUENCES, Answer, Row
from spec.reference import decode
from today import NOW

from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.manual import ManualHost, MemoryNet, Peer, TlsPeer

from .memory_servers import Broker, WebServer
from .world import (
    ADDRESS,
    HOST,
    authority,
    psk_context,
    server_context,
    server_credential,
    upload,
)

# Which trait makes the module give a row's alternative answer: by the alternative's name, or, where
# one name means different things, by row and name.
VARIANTS: dict[str, dict[str, object]] = {
    "bg770a": {"test_forms": "bg770a", "factory_cmee": 0},
    "error-by-urc": {"used_id_answer": "urc", "transparent_open_failure": "urc"},
    "no-space": {"prompt_space": False},
    "no-crlf-after-data": {"crlf_after_data": False},
    "from-zero": {"recv_test_from_zero": True},
    "empty-data-line": {"empty_recv_line": True},
    "crlf-before-each-line": {"crlf_each_line": True},
    "initial-state": {"state_unopened": "initial"},
    "falls-back-to-defaults": {"close_resets_context": True},
    "small-x": {"suite_lower": True},
    "unquoted": {"paths_quoted": False, "crypt_quoted": False},
    "lower-case": {"crypt_upper": False},
    "catch-all": {"handshake_timeout_error": 566},
    "with-cause": {"reject_cause": 15},
    "local": {"qlts_local": True},
    "lost": {"qicsgp_survives": False},
    "both-addresses": {"qiact_both": True},
    "buffer-mode": {"incoming_mode": "buffer"},
    "quoted": {"cgpaddr_quoted": True},
    "refused": {"unquoted_operator": False},
    "three-digits": {"s_register_digits": 3},
    "numbered": {"parameter_error": "numbered", "abort_result": "numbered"},
    "plain": {"cfun_error": "plain"},
    "with-boot-urcs": {"pin_boot_urcs": True},
    "alias": {"qinistat_read": True},
    "prefix": {"ufs_prefix": True},
    "free-size": {"upload_test_free": True},
    "framed": {"ack_framed": True},
    "space": {"geterror_space": True},
    "set-by-urc": {"urc_sets_geterror": True},
    "pdpdeact-first": {"pdp_loss_order": "pdpdeact_first"},
    "dropped": {"unread_after_close": "drop"},
    "repeated": {"recv_urc_repeats": True},
    "bg96": {
        "boot_urcs": "RDY|+CFUN: 1|APP RDY|+CPIN: READY|+QUSIM: 1|+QIND: SMS DONE",
    },
    "urc-port-elsewhere": {"urcport": "usbmodem"},
    "never": {"powered_down_urc": ""},
    "both": {"cedrxs_lists_both": True},
    "psm": {"psm_urc": "PSM POWER DOWN"},
    "powered": {"psm_urc": "POWERED DOWN"},
    "psm-enter/normal": {"psm_urc": "NORMAL POWER DOWN"},
    "qpowd-done/normal": {"powered_down_urc": "NORMAL POWER DOWN"},
    "qfseek-beyond-1,11,0/plain": {"seek_beyond": "plain"},
    "qfseek-beyond-1,11,1/plain": {"seek_beyond": "plain"},
    "cedrxs-read-off/bg770a": {"cedrxs_off_line": True},
    "at-d2-disconnects/ok": {"dtr2_result": "OK"},
    "qiact-again/ok": {"activate_active_context": "ok"},
    "data-mode-upload-aborted/ok": {"abort_result": "ok"},
    "data-mode-upload-aborted/error": {"abort_result": "error"},
    "data-mode-escape-only/error": {"garbage_line": "error"},
    "gone": {"dropped_commands": False},
    "refused-at-once": {"mqtt_refused_open": "error"},
    "qprtpara/ok": {"qprtpara": "ok"},
    "qsslsend-variable-cancelled/error": {"cancel_send": "error"},
    "qsslrecv-push-mode/error": {"recv_in_push": "error"},
    "qsslclose-not-open/error": {"close_unopened": "error"},
    "qsslstate-never-opened/error": {"state_unopened": "error"},
    "qsslstate-read/error": {"state_read": False},
}
# Alternatives that allow more than the documented answer, so that no trait is needed.
WIDER = {"cops-test/several", "copn/several"}

CLIENT = "172.31.242.222"  # who calls a listener, or sends to a UDP service

# What a row's `given` means for the module's making: traits and options.
GIVEN_TRAITS: dict[str, dict[str, object]] = {
    "no SIM": {"sim": ""},
    "registration denied": {"registration": "denied"},
    "roaming": {"registration": "roaming"},
    "not registered": {"registration": "searching"},
    "registered on GSM": {"sysmode": "GSM"},
    "registered on NB-IoT": {"sysmode": "NBIoT"},
    "registered on LTE only": {"cgreg_unknown_on_lte": True},
    "clock unset": {"nitz": False},
    "network time received": {"timezone": 4},
    "the firmware lacks the item": {"missing_items": "renegotiation|urcport"},
    "firmware that adds the length": {"recv_urc_length": True},
}
AT_ITS_MAKING = ("SIM asks", "broker refuses")  # what these words begin is arranged before
NOTHING_TO_DO = {
    "clock set",
    "module off",
    "network grants the timers",
    "echo on",
    "server refuses",
    "server accepts TCP and says nothing",
    "server certificate expired",
    "server certificate of another CA",
    "server certificate of another host",
    "server requires a client certificate",
    "name unknown",
    "peer closed meanwhile",
    "plain sockets or name queries are in use",
    "no network time",
    "no +QSSLOPEN came within 150 s and negotiatetime",
}


PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class EchoPlain(Peer):
    """A plain server that remembers its links, so that events can speak through them."""

    def __init__(self) -> None:
        self.links: list = []

    def connected(self, link) -> None:
        self.links.append(link)

    def say(self, data: bytes) -> None:
        for link in self.links:
            link.reply(data)

    def close(self) -> None:
        for link in self.links:
            link.hang_up()


class Player:
    """Plays rows against one module, from its making."""

    def __init__(self, row: Row, traits: dict[str, object]) -> None:
        rows = [step for step in (*row.before(), row) if isinstance(step, Row)]
        self.given = {word for each in rows for word in each.given}
        opens = [each.send[:11] for each in rows if b"OPEN=" in each.send]
        self.plain = b"AT+QSSLOPEN" not in opens and bool(opens)
        self.mqtt = b"AT+QMTOPEN=" in opens
        chosen = {"registration_s": 0.0, **traits}
        for word in self.given:
            chosen |= GIVEN_TRAITS.get(word, {})
            if word.startswith("SIM asks for "):
                chosen["sim"] = word.removeprefix("SIM asks for ")
        if row.event == "power on" and "boot_urcs" not in chosen:
            chosen |= self._boot_list(row)
        self.peer = self._server()
        self.host = ManualHost(
            SimOptions(
                clock=None if "clock unset" in self.given else NOW,
                traits=chosen,
                powered="module off" not in self.given,
            ),
            self._net(),
        )
        self.module = self.host.module
        self._quiet_since = -10.0
        if "module off" not in self.given:
            self.host.command("ATE1" if "echo on" in row.given else "ATE0")
        self._files()

    @staticmethod
    def _boot_list(row: Row) -> dict[str, object]:
        """A row about one boot URC is played by a module that prints that URC."""
        text = row.answers[0].template.replace("\\r\\n", "")
        if not row.id.startswith("boot-urc"):
            return {}
        if text.startswith("+CPIN: "):
            sim = text.removeprefix("+CPIN: ").replace("NOT READY", "")
            return {"boot_urcs": "+CPIN: READY", "sim": sim}
        return {"boot_urcs": text}

    def _server(self):
        if self.mqtt:
            return self._broker()
        if self.plain:
            return EchoPlain()
        if "server accepts TCP and says nothing" in self.given:
            return Peer()
        kind = "valid"
        for word in self.given:
            if word.startswith("server certificate"):
                kind = word.removeprefix("server certificate").removeprefix(" of a").strip()
        kind = {"nother CA": "other CA", "nother host": "other host"}.get(kind, kind)
        demands = "server requires a client certificate" in self.given
        return TlsPeer(
            server_context(
                server_credential(kind), client_ca=authority().cert_pem if demands else None
            )
        )

    def _broker(self) -> Broker:
        broker = Broker()
        for word in self.given:
            if word.startswith("broker refuses with "):
                broker.returned = int(word.split()[-1])
        return broker

    def _net(self) -> MemoryNet:
        net = MemoryNet()
        if "name unknown" not in self.given:
            net.names[HOST] = [ADDRESS]
        net.names["pool.ntp.org"] = [ADDRESS]
        if "server refuses" not in self.given:
            for port in (8010, 8011, 8883):
                net.peers[ADDRESS, port] = self.peer
            net.peers[ADDRESS, 1883] = self.peer
            net.peers[ADDRESS, 80] = WebServer(*[PAGE] * 2)
        return net

    def _files(self) -> None:
        if "CA file uploaded" in self.given:
            upload(self.host, "cacert.pem", authority().cert_pem)
        if "client certificate and key uploaded" in self.given:
            client = authority().client()
            upload(self.host, "client.pem", client.cert_pem)
            upload(self.host, "client.key", client.key_pem)

    # -- playing -------------------------------------------------------------------------------

    def step(self, step: Row | bytes) -> None:
        """A row or a command that comes before; its answer must be right, and is taken."""
        if isinstance(step, bytes):
            self.host.write(step)
            echo = step.decode().replace("\r", "\\r")  # where a row before switched it on
            self.take([Answer(lead + "\\r\\nOK\\r\\n") for lead in ("", echo)], 0.3)
        else:
            self.play(step, list(step.answers))

    def play(self, row: Row, answers: list[Answer]) -> None:
        """Arrange, send, and take one of the answers within the documented time."""
        for word in row.given:
            self.arrange(row, word)
        if row.send:
            self.host.write(row.send)
        if row.event:
            self.happen(row.event)
        if "peer closed meanwhile" in row.given:
            self.peer.close()
        self.take(answers, self._limit(row), skip=row.form == "urc")
        if rate := re.match(rb"AT\+IPR=(\d+)", row.send):
            self.module.host_baud = int(rate[1])

    @staticmethod
    def _limit(row: Row) -> float:
        """The documented time, and the silences that are part of the row."""
        waits = {"enters PSM": 40.0, "power on": 10.0, "registration changes": 2.0}
        pauses = sum(
            float(found[1])
            for word in row.given
            if (found := re.fullmatch(r"silence of (\d+) s after(?: only)?", word))
        )
        wire = len(row.send) * 10 / 115200
        return row.max_ms / 1000 + pauses + wire + waits.get(row.event, 3.0 if row.event else 0.0)

    def take(self, answers: Answer | list[Answer], limit: float, skip: bool = False) -> None:
        """Let time pass until an answer has come; what follows it stays unread.

        A URC may come after others; an answer of nothing means that nothing comes.
        """
        answers = answers if isinstance(answers, list) else [answers]
        if all(answer.template == "" for answer in answers):
            self.host.run_quietly(min(limit, 4.0))
            assert not self.host.unread, bytes(self.host.unread)
            return
        found = self.host.wait_until(lambda: self._find(answers, skip) is not None, limit)
        assert found, (limit, bytes(self.host.unread), [answer.template for answer in answers])
        del self.host.unread[: self._find(answers, skip)]

    def _find(self, answers: list[Answer], skip: bool) -> int | None:
        stream, start = bytes(self.host.unread), 0
        while True:
            for answer in answers:
                size = answer.length_in(stream[start:])
                if size is not None and (size or not stream):
                    return start + size
            other = re.match(rb"\r\n[^\r\n]+\r\n", stream[start:])
            if not skip or not other:
                return None
            start += other.end()

    def arrange(self, row: Row, word: str) -> None:
        """What a row is given, at the moment it is played."""
        add = self.module.faults.add
        if word in NOTHING_TO_DO or word in GIVEN_TRAITS or word.startswith(AT_ITS_MAKING):
            self._urc_of_other_commands(row, word)
        elif word in ("CA file uploaded", "client certificate and key uploaded"):
            pass
        elif word.startswith("silence of 1 s before"):
            self.host.run(1.1)
        elif word.startswith("silence of"):
            pass  # take() waits
        elif word == "send buffer full":
            add("send_fail")
        elif word.startswith("connection lost"):
            for client_id in self.module.sockets:
                add(f"silent_loss={client_id}")
        elif word == "activation fails":
            add("refuse=+QIACT:561")
        elif word == "deactivation fails":
            add("refuse=+QIDEACT:562")
        elif word == "close fails":
            add("refuse=+QSSLCLOSE:550")
        elif word.startswith("name query ends with "):
            add(f"dns_error={word.rsplit(maxsplit=1)[-1]}")
        elif word.startswith("the module reports "):
            self._report(row, int(word.rsplit(maxsplit=1)[-1]))
        else:
            raise AssertionError(f"{row.id}: {word!r} cannot be arranged")

    def _report(self, row: Row, code: int) -> None:
        """The command, or the open, ends with this code."""
        add = self.module.faults.add
        if row.form == "urc":
            add(f"open_error={code}")
            self.module.drop_sockets()  # its setup has opened already, without the error
            self.host.command('AT+QSSLOPEN=1,1,4,"220.180.239.212",8010,0')
        elif row.send.startswith(b"AT+QIGETERROR"):
            add(f"refuse=+QSSLRECV:{code}*1")
            self.host.command("AT+QSSLRECV=0", b"ERROR\r\n")
        else:
            add(f"refuse={row.send[2:].split(b'=')[0].split(b'?')[0].decode()}:{code}")

    def _urc_of_other_commands(self, row: Row, word: str) -> None:
        if word == "plain sockets or name queries are in use":
            text = decode(row.answers[0].template).decode().strip()
            self.module.faults.add(f"urc={text}")

    def happen(self, event: str) -> None:
        """A row's event."""
        self.host.run_quietly(0.05)
        if event.startswith("peer sends "):
            self.peer.say(decode(event.removeprefix("peer sends ")))
        elif event.startswith("PWRKEY low for "):
            self.press(float(event.split()[-2]) / 1000)
        elif event.startswith("broker publishes "):
            self.peer.say(decode(event.removeprefix("broker publishes ")), "topic/example")
        elif event.startswith("silence of "):
            self.host.run_quietly(float(event.split()[-2]))
        else:
            self.EVENTS[event](self)

    def press(self, seconds: float) -> None:
        """PWRKEY low for a while."""
        self.host.set_pin("PWRKEY", 0)
        self.host.run_quietly(seconds)
        self.host.set_pin("PWRKEY", 1)

    def power_on(self) -> None:
        """From off, or again."""
        if self.module.power.listening:
            self.press(2.5)
        else:
            self.press(0.7)

    def rise(self) -> None:
        """MAIN_DTR low, then high."""
        self.host.set_pin("DTR", 0)
        self.host.run_quietly(0.01)
        self.host.set_pin("DTR", 1)

    EVENTS: dict[str, Callable[[Player], object]] = {
        "peer closes": lambda self: self.peer.close(),
        "dtr rises": rise,
        "pdp lost": lambda self: self.module.faults.add("pdp_loss=1"),
        "registration changes": lambda self: self.module.faults.add("deregister=0.5"),
        "time zone changes": lambda self: self.module.faults.add("timezone=32"),
        "client connects": lambda self: self.host.net.call(2020, EchoPlain(), CLIENT),
        "datagram arrives": lambda self: self.host.net.ports[3030].receive(b"hello", CLIENT, 700),
        "SIM removed": lambda self: self.module.faults.add("no_sim=1"),
        "SIM inserted": lambda self: None,  # one second after it was removed
        "power on": power_on,
        "enters PSM": lambda self: None,
    }


def _cases() -> list:
    cases = []
    for row in ROWS.values():
        documented = [answer for answer in row.answers if not answer.name]
        cases.append(pytest.param(row, documented, {}, id=row.id))
        for answer in row.answers:
            key = f"{row.id}/{answer.name}"
            if not answer.name or key in WIDER:
                continue
            traits = VARIANTS.get(key) or VARIANTS.get(answer.name)
            cases.append(pytest.param(row, [answer], traits, id=key))
    return cases


NO_ROW = Row("none", "1.10", "D", "exec")


def _once(steps: list[Row | bytes]) -> list[Row | bytes]:
    """The steps in order, a row that several others need only the first time."""
    return [
        step for at, step in enumerate(steps) if isinstance(step, bytes) or step not in steps[:at]
    ]


played: set[str] = set()


@pytest.mark.parametrize(("row", "answers", "traits"), _cases())
def test_the_module_answers_as_the_reference_says(row, answers, traits):
    assert traits is not None, "no trait gives this answer"
    player = Player(row, traits)
    for step in _once(row.before()):
        player.step(step)
    player.play(row, answers)
    assert re.fullmatch(rb"(\r\n[^\r\n]+\r\n)*", player.host.run(0.02)), "bytes after the answer"
    assert player.module.counters["internal_errors"] == 0
    played.add(row.id)


@pytest.mark.parametrize("sequence", SEQUENCES.values(), ids=SEQUENCES.keys())
def test_the_examples_of_the_note_run_as_printed(sequence):
    player = Player(NO_ROW, {})
    net = player.host.net
    net.peers["220.180.239.201", 8010] = TlsPeer(
        psk_context(b"Client_identity", bytes.fromhex("1a2b3c4d")), dtls=True
    )
    for who, what in sequence.steps:
        if who == "H":
            player.host.write(decode(what))
        elif who == "E":
            player.happen(what)
        else:
            player.take(Answer(what), 150.0)
    assert not player.host.run(0.5)


def test_every_row_was_played(record_property):
    record_property("coverage", f"module_sim: {len(played)} of {len(ROWS)} reference rows")
    assert played == set(ROWS)
