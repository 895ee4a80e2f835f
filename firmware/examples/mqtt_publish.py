"""Publish and subscribe with umqtt, unmodified. On a board: mpremote mip install umqtt.simple

Each publish() is one AT+QSSLSEND. The last will is what the broker tells others when this device is lost.
"""

import wiring

import bg95

APN = "iot.apn"
BROKER = "broker.example.com"
PORT = 8883
NAME = "device-1"

modem = wiring.modem()
modem.active(True)
modem.connect(APN)

ctx = bg95.SSLContext(modem)
ctx.load_verify_locations(cafile="cacert.pem")

bg95.install(modem, ctx)
from umqtt.simple import MQTTClient  # noqa: E402 # pyright: ignore - after install(), for it imports socket

heard = []
client = MQTTClient(NAME, BROKER, PORT, keepalive=120, ssl=ctx)
client.set_callback(lambda topic, message: heard.append((topic, message)))
client.set_last_will(NAME + "/state", "lost", retain=True)
client.connect()
client.publish(NAME + "/state", "here", retain=True)
client.subscribe(NAME + "/#")
client.publish(NAME + "/dbm", str(modem.status("rssi")))

while len(heard) < 2:
    client.wait_msg()
for topic, message in heard:
    print(topic.decode(), message.decode())
client.disconnect()  # in order: the last will is not sent
