"""Post a reading as JSON with `requests`, unmodified. On a board: mpremote mip install requests"""

import wiring

import bg95

APN = "iot.apn"
URL = "https://example.com/readings"

modem = wiring.modem()
modem.active(True)
modem.connect(APN)

ctx = bg95.SSLContext(modem)
ctx.load_verify_locations(cafile="cacert.pem")

bg95.install(modem, ctx)  # from here on `import socket` and `import tls` mean the modem
import requests  # noqa: E402 - so this has to come after it

reading = {"operator": modem.status("operator"), "dbm": modem.status("rssi")}
answer = requests.post(URL, json=reading, timeout=60)
print(answer.status_code, answer.text)
