"""Fetch a page over HTTPS: the whole of an app, without any library.

The server's CA is on the module as cacert.pem: `bg95 provision` puts it there, or modem.files.upload().
"""

import wiring

import bg95

APN = "iot.apn"
HOST = "example.com"
PORT = 443
PATH = "/"

modem = wiring.modem()
modem.active(True)  # switch the module on, get in step with it
modem.connect(APN)  # register, activate the data connection

ctx = bg95.SSLContext(modem)  # verifies the server, its name and its dates, unless told otherwise
ctx.load_verify_locations(cafile="cacert.pem")

with ctx.connect(HOST, PORT) as s:
    # HTTP/1.0: the server closes after its answer, so the end of the stream is the end of the page.
    s.write("GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" % (PATH, HOST))
    print(s.readline().decode().strip())
    while s.readline() not in (b"\r\n", b""):  # headers end with an empty line
        pass
    while True:
        piece = s.recv(256)
        if not piece:
            break
        print(piece.decode(), end="")
print()
