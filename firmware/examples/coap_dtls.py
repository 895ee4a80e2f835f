"""Read a CoAP resource (RFC 7252) over DTLS with a pre-shared key: one datagram there, one back.

No certificates and no CA: whoever has the key is who it says it is. The key goes to a file on the module.
"""

import os

import wiring

import bg95

APN = "iot.apn"
HOST = "coap.example.com"
PORT = 5684
RESOURCE = "temperature"
IDENTITY = "device-1"
KEY = "00112233445566778899aabbccddeeff"  # hex; yours comes from your provisioning, not from here

_CON_GET = b"\x44\x01"  # version 1, confirmable, a token of 4 bytes; GET
_CONTENT = 0x45  # code 2.05


def get(s, resource):
    """The payload of a confirmable GET, asked again where it or its answer got lost (RFC 7252 4.2)."""
    token = os.urandom(4)
    request = _CON_GET + os.urandom(2) + token + bytes([0xB0 | len(resource)]) + resource.encode()
    for seconds in (2, 4, 8, 16):
        s.settimeout(seconds)
        s.write(request)  # over DTLS each write is one datagram
        try:
            answer = s.read(256)
        except bg95.TimeoutError:
            continue
        if answer[4:8] == token and answer[1] == _CONTENT:
            return answer.split(b"\xff", 1)[1]
    raise bg95.TimeoutError("no CoAP answer")


modem = wiring.modem()
modem.active(True)
modem.connect(APN)

ctx = bg95.SSLContext(modem)
ctx.dtls = True
ctx.psk = (IDENTITY, KEY)

with ctx.connect(HOST, PORT) as s:
    print(RESOURCE, "is", get(s, RESOURCE).decode())
