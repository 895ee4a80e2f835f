"""Restarting, switching off, power saving (at-commands.md 2.10, 2.12, 2.13, open question 8)."""

from __future__ import annotations

import re

from bg95_host.probe.experiment import Found, Hidden, default_of, experiment, near
from bg95_host.probe.session import BOOT_S, PRESS_S, Session

APN, SPARE = "bg95.probe", 15  # the last PDP context that AT+CGDCONT knows, too
QUIET_S = 3.0
POLL_S = 0.05
SETTLE_S = 2.0  # until the answers to all that was asked meanwhile are there
PSM_S = 90.0
_NOT_BOOT = re.compile(rb"\+C[GE]?REG:|\+CTZ|\+CGEV|\+QNWINFO|\+CSCON|\+QCSCON|\+QIURC")


def _restart(p: Session) -> float:
    """AT+CFUN=1,1; when it was answered."""
    return p.must("AT+CFUN=1,1").end


def _wake(p: Session) -> None:
    """In step again after a start, the SIM unlocked if it was."""
    if not p.get_in_step(BOOT_S):
        raise Hidden("the module does not answer after its start")
    p.ask("AT+CMEE=1")
    if p.locked:
        p.ask(f'AT+CPIN="{p.allowed.pin}"')


@experiment(
    "boot_urcs", "boot_urc_gap_s", "boot_s", "factory_cmee", "qicsgp_survives", needs="restart"
)
def boot(p: Session) -> Found:
    """What a restart prints, when, and what is left after it. STATUS is looked at by the way."""
    p.ask(f'AT+QICSGP={SPARE},1,"{APN}"')
    start = _restart(p)
    seen = _boot_urcs(p, start)
    if not seen:
        p.get_in_step(BOOT_S)
    p.talk.rest(1.0)
    p.get_in_step()
    factory = re.search(r"\+CMEE: (\d)", p.ask("AT+CMEE?").text)
    survives = APN in p.ask(f"AT+QICSGP={SPARE}").text
    _wake(p)  # the Keeper puts the APN back
    words = [re.sub(r"\+CPIN: .*", "+CPIN: READY", text) for _, text in seen]
    found: dict[str, object] = {
        "boot_urcs": "|".join(words),
        "factory_cmee": factory and int(factory[1]),
        "qicsgp_survives": survives,
        "boot_urc_gap_s": Hidden("boot_urcs: fewer than two"),
    }
    if len(seen) > 1:
        gap = (seen[-1][0] - seen[0][0]) / (len(seen) - 1)
        found["boot_urc_gap_s"] = near(gap, default_of("boot_urc_gap_s"), 0.02)
    took = seen[0][0] if seen else _first_answer(p)
    found["boot_s"] = near(took, default_of("boot_s"), 0.05 if seen else 0.15)
    return found


def _boot_urcs(p: Session, start: float) -> list[tuple[float, str]]:
    """The URCs and how long after `start` each began."""
    seen: list[tuple[float, str]] = []
    heard, limit = b"", BOOT_S
    while True:
        more = p.line.read(limit, bool)
        if not more:
            break
        heard += more
        limit = QUIET_S
        while (end := heard.find(b"\r\n", 2)) >= 0:
            line, heard = heard[: end + 2], heard[end + 2 :]
            text = line.strip(b"\r\n")
            if text and not _NOT_BOOT.match(text):
                left = len(heard) * p.line.byte_time
                began = p.line.now - left - len(line) * p.line.byte_time
                seen.append((began - start, text.decode("latin-1")))
                p.talk.said.append(f"< {text.decode('latin-1')}  ({began - start:.3f} s)")
    return seen


def _first_answer(p: Session) -> float:
    """Restart once more, and ask until it answers."""
    start = _restart(p)
    while p.line.now - start < BOOT_S:
        p.line.write(b"AT\r")
        if p.line.read(POLL_S, lambda heard: b"OK" in heard):
            break
    took = p.line.now - start
    p.talk.rest(SETTLE_S)
    _wake(p)
    return took


@experiment("status_s", needs="restart status")
def status(p: Session) -> Found:
    start = _restart(p)
    p.line.read(BOOT_S, lambda heard: False)
    rose = p.line.status_rose()
    _wake(p)
    if rose is None or rose < start:
        raise Hidden("STATUS does not rise")
    return {"status_s": near(rose - start, default_of("status_s"), 0.05)}


def _press(p: Session) -> None:
    """Switch on by PWRKEY."""
    p.talk.rest(2.0)
    p.line.press_power(PRESS_S)
    p.line.read(BOOT_S, lambda heard: False)
    _wake(p)


@experiment("powered_down_urc", "power_down_s", "pdpdeact_after_power_down", needs="restart pwrkey")
def power_down(p: Session) -> Found:
    p.steady()
    end = p.must("AT+QPOWD=1").end
    said = p.talk.listen(65.0, until=b"\r\n", quiet=5.0)
    said += p.talk.listen(3.0, until=b"\r\n")
    took = p.line.now - end
    after = p.talk.listen(3.0)
    _press(p)
    text = said.strip(b"\r\n").decode("latin-1")
    if text.startswith("+QIURC") or not text:
        hidden = Hidden("powered_down_urc: nothing is printed")
        return {
            "powered_down_urc": "",
            "power_down_s": hidden,
            "pdpdeact_after_power_down": "pdpdeact" in text,
        }
    return {
        "powered_down_urc": text,
        "power_down_s": near(took, default_of("power_down_s"), 0.05),
        "pdpdeact_after_power_down": b"pdpdeact" in after,
    }


@experiment("psm_granted", "psm_urc", needs="network restart pwrkey")
def saving(p: Session) -> Found:
    """An active time of 10 s; the module goes to sleep, or does not (at-commands.md 2.10)."""
    if not p.registered():
        raise Hidden("not registered")
    p.must('AT+CPSMS=1,,,"00100001","00000101"')
    said = p.talk.listen(PSM_S, until=b"DOWN\r\n", quiet=10.0)
    p.talk.rest(2.0)
    asleep = not p.get_in_step()
    if asleep:
        p.line.press_power(PRESS_S)
        p.get_in_step(BOOT_S)
    p.ask("AT+CPSMS=0")  # at once: it would go to sleep again
    _wake(p)
    urcs = [line for line in said.decode("latin-1").split("\r\n") if "DOWN" in line]
    if not asleep:
        return {"psm_granted": False, "psm_urc": Hidden("psm_granted: power saving is not entered")}
    return {"psm_granted": True, "psm_urc": urcs[0] if urcs else ""}
