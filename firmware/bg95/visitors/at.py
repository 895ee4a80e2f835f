"""What flows do with the AT engine: generators that yield while they wait; they may allocate.

The other half of bg95.at.AT, which finds these as its methods: `lines = yield from at.run(b"AT+CSQ", prefix=b"+CSQ:")`.
"""

from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from ..at import ANSWER_MS, BROKEN, CME, CONNECT, OK, RESTARTED, RUNNING, SEND_OK, TIMEOUT
from ..errors import (
    EBUSY,
    ECONNRESET,
    MODULE_DEAD,
    RAW_PORT,
    CommandError,
    DisconnectedError,
    FileError,
    TimeoutError,
)

# Of an answer's lines, bytes that are kept: some 150 files. A module that babbles must not fill the heap
_ANSWER_MAX = const(12288)
_LINE_COST = const(40)  # of a bytes object and its place in the list, on the largest port


def claim(at):
    """Flow: wait until the engine is this flow's to use."""
    at.claims += 1
    try:
        while at.busy() or at.stale:
            if not at.busy():
                at.send_barrier()
            yield
        if at.dead:
            raise TimeoutError(MODULE_DEAD)
        if at.raw is not None:
            refuse(at)
    finally:
        at.claims -= 1


def refuse(at):
    """Raise what holds for everybody but the socket in transparent mode."""
    raise CommandError(RAW_PORT, errno=EBUSY)


def start(at, command, ms=ANSWER_MS, prefix=None, sink=None, others=False, connects=None):
    """Flow: send `command` (bytes, no CR) as soon as the engine is free. Returns when it was started.

    prefix: of its answer's lines (None: it has none); ms: time it may take; sink: where the payload goes that an
    answer line announces. others: lines that nobody knows belong to the answer. connects: where CONNECT is a result
    of this command: True, or what is called then.
    """
    yield from claim(at)
    line = command + b"\r"
    at.prefix = prefix
    at.sink = sink
    at.others = others
    at.connects = connects
    at.held = False
    at.cme = -1
    at.framer.prompt = 0
    at.long = at.framer.overlong
    at.go(None, line, len(line), ms)
    at.awaited = True


def resume(at, ms):
    """After CONNECT or a prompt: the command goes on, its answer is due in `ms`."""
    at.result = RUNNING
    at.awaited = True
    at.deadline = ticks_add(ticks_ms(), ms)


def wait(at):
    """Flow: wait for the result of the command just started; returns the list of its lines (bytes)."""
    lines = []
    room = _ANSWER_MAX
    try:
        while at.held or at.result == RUNNING:
            if at.held:
                line = at.framer.text()
                at.held = False
                room -= len(line) + _LINE_COST
                if room > 0:
                    lines.append(line)
                else:
                    at.framer.overlong += 1  # see check()
            yield
    except GeneratorExit:
        # The flow was cancelled; the answer may still come and belongs to nobody.
        at.held = False
        if at.result == RUNNING:
            at.expire(True)
        raise
    finally:
        at.awaited = False
    return lines


def check(at, command):
    """Raise what the result of `command` calls for; return on success."""
    result = at.result
    name = name_of(command)
    if result in (OK, CONNECT, SEND_OK):
        if at.framer.overlong != at.long:
            raise CommandError("the answer was too long to be read", command=name)
        return
    if result == TIMEOUT:
        raise TimeoutError(
            "no answer in time; is the module on, and the wiring sound?", command=name
        )
    if result == RESTARTED:
        raise DisconnectedError(
            "the module restarted meanwhile; try again", command=name, errno=ECONNRESET
        )
    if result == BROKEN:
        raise unintelligible(command)
    if result == CME and at.cme >= 0:
        raise (FileError if 400 <= at.cme < 500 else CommandError)("", at.cme, name)
    why = (
        text_of(at.words)
        if result == CME
        else "refused; is it allowed now, and does this firmware have it?"
    )
    raise CommandError(why, command=name)


def run(at, command, ms=ANSWER_MS, prefix=None, others=False):
    """Flow: send `command`, wait, return its answer's lines (bytes). Raises ModemError where it failed."""
    yield from start(at, command, ms, prefix, None, others)
    lines = yield from wait(at)
    check(at, command)
    return lines


def ask(at, command, kinds="", ms=ANSWER_MS):
    """Flow: as ask_all(), the fields of the first line; [] if there is none and `kinds` asks for nothing."""
    answers = yield from ask_all(at, command, kinds, ms)
    if kinds and not answers:
        raise unintelligible(command)
    return answers[0] if answers else []


def ask_all(at, command, kinds="", ms=ANSWER_MS):
    """Flow: run `AT+X...` and return the fields of each of its `+X: ` lines.

    kinds: what the first fields have to be, "i" int, "s" str, "." either; CommandError where they are not.
    """
    prefix = prefix_of(command)
    lines = yield from run(at, command, ms, prefix)
    answers = [fields(line[len(prefix) :]) for line in lines]
    for answer in answers:
        for i, kind in enumerate(kinds):
            if i >= len(answer) or (kind != "." and isinstance(answer[i], int) != (kind == "i")):
                raise unintelligible(command)
    return answers


def within(ms, flow):
    """Flow: `flow`, but where it takes longer than `ms` (None: it may) it is cancelled, and TimeoutError raised."""
    if ms is None:
        return (yield from flow)
    deadline = ticks_add(ticks_ms(), ms)
    try:
        while True:
            next(flow)
            if ticks_diff(ticks_ms(), deadline) >= 0:
                raise TimeoutError("not done in %d ms" % ms)
            yield
    except StopIteration as e:
        return e.value
    finally:
        flow.close()


def name_of(command):
    """`AT+QICSGP` of `AT+QICSGP=1,...`: what may be shown, since parameters may be secret."""
    return command.split(b"=")[0].split(b"?")[0].decode()


def unintelligible(command):
    """The error for an answer that no document allows."""
    return CommandError(
        "the answer cannot be understood; were bytes lost on the UART?", command=name_of(command)
    )


def text_of(line):
    """bytes as str; what is not ASCII becomes "?" (no answer holds anything else, but a bad UART delivers it)."""
    return "".join([chr(c) if c < 128 else "?" for c in line])


def prefix_of(command):
    """`+QIACT:` of `AT+QIACT?`: how the lines of its answer start."""
    return command[2:].split(b"=")[0].split(b"?")[0] + b":"


def fields(text):
    """Split `1,"a,b",,-3` into [1, "a,b", "", -3]: bare numbers as int, all else as str. Allocates."""
    out = []
    text = text.strip()
    i = 0
    while i <= len(text):
        if text[i : i + 1] == b'"':
            end = text.find(b'"', i + 1)
            end = len(text) if end < 0 else end
            out.append(text_of(text[i + 1 : end]))
            i = end + 2
            continue
        end = text.find(b",", i)
        end = len(text) if end < 0 else end
        word = text[i:end].strip()
        try:
            out.append(int(word))
        except ValueError:
            out.append(text_of(word))
        i = end + 1
    return out
