"""The demo's part on the board, which has demo.json, payload.bin and cacert.pem from the PC.

It reports in lines "@bg95 {json}", which the PC reads; all else it prints is shown as it is.
"""

import gc
import hashlib
import json
from time import ticks_diff, ticks_ms

from micropython import const

_REPORT = const(4096)  # bytes between two reports of progress
_FLIGHT = const(2)  # pieces on their way at a time: less than the UART's receive buffer holds


def report(event, **facts):
    gc.collect()
    facts["event"] = event
    facts["heap"] = gc.mem_alloc()
    print("@bg95 " + json.dumps(facts))


def echo(socket, name, piece, size):
    """Send the file and compare what comes back with it, byte by byte."""
    out, back, want = bytearray(piece), bytearray(piece), bytearray(piece)
    seen = hashlib.sha256()
    sent = got = reported = 0
    with open("payload.bin", "rb") as source, open("payload.bin", "rb") as reference:
        while got < size:
            while sent < size and sent - got <= (_FLIGHT - 1) * piece:
                n = source.readinto(out)
                socket.write(memoryview(out)[:n])
                sent += n
            n = socket.recv_into(back)
            if not n:
                raise OSError("the connection ended after %d of %d bytes" % (got, size))
            view = memoryview(back)[:n]
            reference.readinto(memoryview(want)[:n])
            if view != memoryview(want)[:n]:
                raise ValueError(first_difference(want, back, n, got))
            seen.update(view)
            got += n
            if got - reported >= _REPORT or got == size:
                reported = got
                report("progress", mode=name, done=got)
    return seen.digest().hex()


def first_difference(want, back, n, at):
    for i in range(n):
        if want[i] != back[i]:
            return "byte %d came back as 0x%02x instead of 0x%02x" % (at + i, back[i], want[i])


def exchange(bg95, context, demo, name):
    """One mode: connect, echo, close."""
    mode = getattr(bg95, name)
    report("connecting", mode=name)
    start = ticks_ms()
    socket = context.connect(demo["host"], demo["port"], mode=mode)
    socket.settimeout(demo["patience_s"])
    report("connected", mode=name, took_ms=ticks_diff(ticks_ms(), start))
    # Transparent data is packed by 1024 bytes (AT+QICFG "transpktsize"), a send holds 1460.
    start = ticks_ms()
    digest = echo(socket, name, 1024 if mode == bg95.TRANSPARENT else 1460, demo["size"])
    report("echoed", mode=name, took_ms=ticks_diff(ticks_ms(), start), sha256=digest)
    socket.close()


def refuse(bg95, context, host, what, port):
    """A server that must not be trusted: the error is the good news."""
    report("suspecting", what=what)
    try:
        socket = context.connect(host, port)
    except bg95.ModemError as e:
        report("refused", what=what, code=e.code, error=str(e))
    else:
        socket.close()
        report("accepted", what=what)


def main():
    with open("demo.json") as file:
        demo = json.load(file)
    report("started")
    import wiring

    import bg95

    report("imported")
    modem = wiring.modem(sockets=1)
    modem.active(True)
    report("module", text=" ".join(modem.command("ATI")))
    modem.connect(demo["apn"])
    report("online", address=modem.ipconfig("addr4"), rssi=modem.status("rssi"))
    with open("cacert.pem", "rb") as file:
        sent = modem.files.upload("cacert.pem", file)
    report("provisioned", sent=sent)
    context = bg95.SSLContext(modem, 1)
    context.load_verify_locations(cafile="cacert.pem")
    report("context", text=repr(context))
    for name in demo["modes"]:
        exchange(bg95, context, demo, name)
    for what, port in demo["suspects"]:
        refuse(bg95, context, demo["host"], what, port)
    modem.disconnect()
    report("finished")


try:
    main()
except Exception as e:
    report("failed", error=str(e) or repr(e), kind=type(e).__name__)
