"""Every documented row of the command reference that the driver's API covers, against the driver.

Each row is run plainly, with echo, with its answer cut in two at every position, and with a URC between any two lines
of it: on CPython all of that, in the MicroPython VM one of each kind. The module's side is played from the row.
"""

import contextlib
import re
import subprocess
from pathlib import Path

import pytest
from row_calls import CALLS, play
from row_player import Case, Clock, Variation
from spec import ROWS, Row
from spec.reference import decode
from virtual_time import driver_on

from bg95_host import compat
from bg95_host.rigs import unix_vm

HERE = Path(__file__).parent
URC = b'\r\n+QIND: "smsfull","ME"\r\n'
COVERED = [row for row in ROWS.values() if row.documented and row.api]
CALLS_OF_ROWS = sorted({row.api for row in COVERED})


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def driver(clock: Clock):
    with driver_on(clock) as copy:
        yield copy


def fields_of(row: Row) -> dict:
    """The row with its documented answer, as arguments of Case."""
    return {
        "id": row.id,
        "api": row.api,
        "form": row.form,
        "send": row.send,
        "answer": row.answers[0].example,
        "event": decode(row.event),
        "seen": tuple(step.send if isinstance(step, Row) else step for step in row.before()),
    }


def in_data_mode(case: Case) -> bool:
    """Whether the answer is what ends transparent mode."""
    opened = [sent for sent in case.seen if sent.startswith(b"AT+QSSLOPEN=")]
    return bool(opened) and opened[-1].endswith(b",2\r") and case.form in ("data", "urc")


def gaps(case: Case) -> list[int]:
    """Where a URC can stand: before the answer, between two of its lines, and after it."""
    answer = case.answer
    if not answer.startswith(b"\r\n"):
        return []  # data of transparent mode, or a single byte
    if in_data_mode(case):
        return [len(answer)]  # no URCs before it is left
    counted = re.match(rb'\r\n(?:\+QSSLRECV: |\+QSSLURC: "recv",4,|CONNECT )(\d+)\r\n', answer)
    payload_end = counted.end() + int(counted[1]) if counted else 0
    ends = (found.end() for found in re.finditer(rb"[^\r\n]\r\n", answer))
    places = {0, len(answer)} | {end for end in ends if end > payload_end}
    if answer.startswith(b"\r\n>") or case.final == b"CONNECT":
        places.remove(len(answer))  # the port is the host's now
    return sorted(places)


def variations(case: Case) -> list[Variation]:
    """All ways in which the answer may come."""
    ways = [Variation(), Variation(echo=True)]
    ways += [Variation(cut=cut) for cut in range(1, len(case.answer))]
    ways += [Variation(urc=URC, at=at) for at in gaps(case)]
    return ways


@pytest.mark.parametrize("api", CALLS_OF_ROWS)
def test_rows_on_cpython(api: str, driver, clock: Clock) -> None:
    wrong = []
    for row in (row for row in COVERED if row.api == api):
        case = Case(**fields_of(row))
        for variation in variations(case):
            try:
                play(driver, clock, case, variation)
            except (AssertionError, driver.ModemError) as e:
                wrong.append(f"{case.id} [{variation}]: {type(e).__name__}: {e}")
    assert wrong == []


@pytest.mark.parametrize("api", sorted({row.api for row in ROWS.values() if row.api}))
def test_what_is_only_seen_or_inferred_is_understood_as_well(
    api: str, driver, clock: Clock
) -> None:
    wrong = []
    for row in (row for row in ROWS.values() if row.api == api):
        for answer in row.answers[1:] if row.documented else row.answers:
            case = Case(**{**fields_of(row), "answer": answer.example})
            try:
                play(driver, clock, case, Variation())
            except (AssertionError, driver.ModemError) as e:
                wrong.append(f"{row.id}, {answer.name or row.tag}: {type(e).__name__}: {e}")
    assert wrong == []


def damaged(case: Case) -> list[bytes]:
    """The answer without its lines, with fewer fields in one of them, and with other kinds of fields."""
    answers = []
    for i, text in enumerate(case.lines):
        fields = text.split(b",")
        worse = [b",".join(fields[:n]) for n in range(len(fields))] + [b""]
        for n in range(len(fields)):
            worse += [
                b",".join([*fields[:n], other, *fields[n + 1 :]])
                for other in (b"x", b'"', b'""', b"\xff", b"99999999999", b"-1")
            ]
        for line in worse:
            lines = [*case.lines[:i], line, *case.lines[i + 1 :]]
            answers.append(b"".join(b"\r\n" + line + b"\r\n" for line in [*lines, case.final]))
    return answers


@pytest.mark.parametrize("api", CALLS_OF_ROWS)
def test_a_damaged_answer_raises_nothing_but_modem_errors(api: str, driver, clock: Clock) -> None:
    """The row's request gets an answer that no document allows; whether it is taken is the driver's to judge."""
    wrong = []
    for row in (row for row in COVERED if row.api == api and row.form != "urc"):
        case = Case(**fields_of(row))
        for answer in damaged(case):
            with contextlib.suppress(AssertionError, driver.ModemError):
                try:
                    play(driver, clock, case, Variation(instead=answer))
                except (ValueError, LookupError, TypeError, AttributeError) as e:
                    wrong.append(f"{row.id} {answer!r}: {type(e).__name__}: {e}")
    assert wrong == []


VM_SCRIPT = """
import sys
sys.path[:0] = [{here!r}, {firmware!r}]
from row_player import Case, Clock, Variation
clock = Clock()
sys.modules["time"] = clock
import bg95
from row_calls import play
for line in sys.stdin:
    case, ways = eval(line)
    case = Case(**case)
    for way in ways:
        try:
            play(bg95, clock, case, Variation(*way))
        except (AssertionError, bg95.ModemError) as e:
            print("wrong", case.id, way, e)
        else:
            print("right")
"""


def some_variations(case: Case) -> list[tuple]:
    """One of each kind, as arguments of Variation."""
    ways: list[tuple] = [(False,), (True,), (False, len(case.answer) // 2)]
    return ways + [(False, None, URC, at) for at in gaps(case)[-2:]]


def test_rows_in_the_vm() -> None:
    lines = []
    for row in COVERED:
        fields = fields_of(row)
        lines.append((fields, some_variations(Case(**fields))))
    done = subprocess.run(
        [
            *unix_vm.command(),
            "-X",
            "heapsize=8m",
            "-c",
            VM_SCRIPT.format(here=str(HERE), firmware=str(compat.FIRMWARE)),
        ],
        input="".join(f"{line!r}\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    said = done.stdout.splitlines()
    assert done.stderr == ""
    assert [line for line in said if line != "right"] == []
    assert len(said) == sum(len(ways) for _, ways in lines)


def test_coverage(record_property) -> None:
    documented = [row for row in ROWS.values() if row.documented]
    assert all(row.api in CALLS for row in COVERED), "a call of the API has no function here"
    record_property(
        "coverage", f"command reference, driver: {len(COVERED)} of {len(documented)} rows covered"
    )
