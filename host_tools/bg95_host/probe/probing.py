"""Runs the experiments in their order, each with its evidence, and leaves the module as it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from bg95_host.errors import ToolError, said_by
from bg95_host.module_sim.tables import DEFAULT_BAUD
from bg95_host.module_sim.traits import TRAITS
from bg95_host.probe import experiments as _experiments  # noqa: F401 - fills EXPERIMENTS
from bg95_host.probe import questions
from bg95_host.probe.experiment import EXPERIMENTS, NEEDS, NOT_PROBED, Experiment, Hidden
from bg95_host.probe.keeper import Keeper
from bg95_host.probe.line import Line
from bg95_host.probe.profile import Profile, Timing
from bg95_host.probe.session import BOOT_S, FILE, PRESS_S, PSK_FILE, Allowed, Session, refuse_in_use

Progress = Callable[[str], None]
EVIDENCE_LINES = 8  # at the beginning of an experiment, and at its end
_HOUSEKEEPING = re.compile(
    r'> (ATE0|AT\+CMEE=1|AT\+QSSLCLOSE=11|AT\+QFDEL=.*|AT\+QSSLCFG="\w+",5,.*)\\r'
)

# Digits of an IMEI, an ICCID or a phone number; addresses.
_SECRET = re.compile(r"(QICSGP(?:: |=\d+,)).*")  # it tells a password
_PRIVATE = ((re.compile(r"\d{11,}"), "<number>"), (re.compile(r"\d+(\.\d+){3}"), "<address>"))


def probe(line: Line, allowed: Allowed, progress: Progress = lambda what: None) -> Profile:
    """Find out what can be found out; ToolError where there is no module, or one in use."""
    session = Session(line, allowed)
    keeper = Keeper(session)
    progress("getting in step")
    was_off = not keeper.meet()
    if was_off and not (_switched_on(session) and keeper.meet()):
        raise ToolError("no module answers AT at this port and rate")
    refuse_in_use(session)
    keeper.read()
    profile = Profile()
    try:
        _prepare(session)
        profile.identity = questions.identity(session)
        for experiment in EXPERIMENTS:
            progress(", ".join(experiment.traits))
            _run(experiment, session, profile)
        progress("what commands say of themselves")
        profile.texts = {name: _private(text, session) for name, text in questions.texts(session)}
    finally:
        progress("leaving the module as it was")
        _leave(session, keeper)
        if was_off:
            session.ask("AT+QPOWD=1")
    profile.items = sorted(session.items)
    profile.unknown |= NOT_PROBED
    profile.times = {
        name: Timing.of(seconds) for name, seconds in sorted(session.talk.times.items())
    }
    return profile


def _switched_on(session: Session) -> bool:
    """Press PWRKEY, if there is one; whether a module answers then. A module that hangs takes two presses."""
    if "pwrkey" not in session.line.features:
        return False
    for _ in range(2):
        session.line.press_power(PRESS_S)
        if session.get_in_step(BOOT_S):
            return True
    return False


def _prepare(session: Session) -> None:
    """URCs to this port, numbers for errors, a context of the probe's own; what is there and what not."""
    session.ask("AT+CMEE=1")
    has, line = session.has, session.line
    allowed = session.allowed
    has["network"] = "" if allowed.network else NEEDS["network"]
    has["server"] = has["network"] or ("" if allowed.server else NEEDS["server"])
    has["restart"] = "" if allowed.restart else NEEDS["restart"]
    session.locked = bool(allowed.pin) and _is_pin_locked(session)
    if allowed.restart and line.baud != DEFAULT_BAUD:
        has["restart"] = f"a restart may forget the rate: probe at {DEFAULT_BAUD} bit/s (AT+IPR)"
    if allowed.restart and not allowed.pin and _is_pin_locked(session):
        has["restart"] = "after a restart the SIM asks for its PIN: give it with --pin"
    has["pin"] = "" if allowed.pin else NEEDS["pin"]
    for pin in ("dtr", "pwrkey", "status"):
        has[pin] = "" if pin in line.features else NEEDS[pin]
    session.reset_context()


def _is_pin_locked(session: Session) -> bool:
    """Whether the SIM, which is unlocked now, asks for its PIN after a restart (AT+CLCK, 3GPP 27.007)."""
    return "+CLCK: 1" in session.ask('AT+CLCK="SC",2').text


def _run(experiment: Experiment, session: Session, profile: Profile) -> None:
    """One experiment; what it needs and is not there makes its traits unknown."""
    missing = next((session.has[need] for need in experiment.needs if session.has[need]), "")
    start = len(session.talk.said)
    try:
        if missing:
            raise Hidden(missing)
        found = experiment.run(session)
        why = "the answers fit none of the trait's values"
    except Hidden as hidden:
        found, why = {}, str(hidden)
    except (ArithmeticError, AttributeError, LookupError, ValueError) as error:
        found, why = {}, f"the answers are none that the experiment knows ({said_by(error)})"
    evidence = _evidence(session.talk.said[start:], session)
    for name in experiment.traits:
        value = found.get(name)
        if isinstance(value, Hidden):
            value, reason = None, str(value)
        else:
            reason = why
        if value is None:
            profile.unknown[name] = reason
            continue
        try:
            value = TRAITS[name].parse(value)
        except ValueError as error:
            profile.unknown[name] = said_by(error)
            continue
        session.found[name] = profile.traits[name] = value
        profile.evidence[name] = evidence


def _evidence(said: list[str], session: Session) -> list[str]:
    """What was said, without what every experiment begins and ends with."""
    told, dropped = [], False
    for line in said:
        dropped = bool(_HOUSEKEEPING.fullmatch(line)) or (dropped and line[0] == "<")
        if not dropped:
            told.append(_SECRET.sub(r"\1***", line))
    if len(told) > 2 * EVIDENCE_LINES:
        told = [*told[:EVIDENCE_LINES], "...", *told[-EVIDENCE_LINES:]]
    return [_private(line, session) for line in told]


def _leave(session: Session, keeper: Keeper) -> None:
    """Files deleted, connection closed, settings set again."""
    if not session.get_in_step() and not _switched_on(session):
        raise ToolError(
            "the module answers no more: switch it off and on; its settings were not set again"
        )
    session.close()
    for name in (FILE, PSK_FILE):
        if name in session.uploaded:
            session.delete(name)
    keeper.restore()


def _private(text: str, session: Session) -> str:
    """Text without numbers and addresses, the user's or the module's."""
    words = [session.allowed.pin]
    if session.allowed.server:
        words.append(session.allowed.server[0])
    for word in filter(None, words):
        text = text.replace(word, "***")
    for pattern, shown in _PRIVATE:
        text = pattern.sub(shown, text)
    return text


def unprobed() -> Iterator[str]:
    """Traits that neither an experiment nor NOT_PROBED knows."""
    known = {name for experiment in EXPERIMENTS for name in experiment.traits} | set(NOT_PROBED)
    yield from (name for name in TRAITS if name not in known)
