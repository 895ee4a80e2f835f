"""A serial port at the far end of a TLS connection: what comes in here goes out there, and back.

In transparent mode the module's UART is the connection's alone, so the bytes pass without any AT command.
"""

import time

import wiring
from machine import UART

import bg95

APN = "iot.apn"
HOST = "bridge.example.com"
PORT = 8000

port = UART(0, 9600, rxbuf=1024)  # the device to be bridged
modem = wiring.modem()
modem.active(True)
modem.connect(APN)

ctx = bg95.SSLContext(modem)
ctx.load_verify_locations(cafile="cacert.pem")

buf = bytearray(256)
with ctx.connect(HOST, PORT, mode=bg95.TRANSPARENT) as s:
    s.setblocking(False)
    there = back = 0
    while True:
        n = min(port.any(), len(buf))
        if n:
            port.readinto(buf, n)
            done = 0
            while done < n:  # the connection takes what it has room for
                done += s.write(memoryview(buf)[done:n]) or 0
            there += n
        n = s.readinto(buf)  # None: nothing yet; 0: the far end has closed
        if n:
            port.write(memoryview(buf)[:n])
            back += n
        elif n == 0:
            break
        else:
            time.sleep_ms(1)
    print(there, "bytes there,", back, "back")
