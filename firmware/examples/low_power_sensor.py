"""Wake, measure, report, switch the modem off, sleep: years on a battery.

Saved as main.py, this runs anew after each deep sleep. Nothing of the board's RAM survives it; the CA and the
settings do, on the module.
"""

import machine
import wiring

import bg95

APN = "iot.apn"
HOST = "example.com"
PORT = 443
PERIOD_MS = 15 * 60 * 1000


def measure():
    """Your sensor's value; here the strength of the signal, in dBm."""
    return modem.status("rssi")


def report(value):
    """One POST: one AT+QSSLSEND and one AT+QSSLRECV."""
    body = '{"value": %d}' % value
    head = "POST /readings HTTP/1.0\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with ctx.connect(HOST, PORT) as s:
        s.settimeout(60)  # a server that does not answer may not empty the battery
        s.write(head % (HOST, len(body)))
        s.write(body)
        print(s.readline().decode().strip())


modem = wiring.modem()
try:
    modem.active(True)
    modem.connect(APN, timeout_ms=60000)
    ctx = bg95.SSLContext(modem)
    ctx.load_verify_locations(cafile="cacert.pem")
    ctx.session_resumption = True  # a shorter handshake where the server remembers us
    report(measure())
except bg95.ModemError as e:
    print("not this time:", e)  # the next wake-up tries again
finally:
    try:
        modem.power_off()
    finally:
        machine.deepsleep(PERIOD_MS)
