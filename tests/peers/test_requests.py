"""MicroPython's `requests` over the modem: the one frozen into the VM, and today's."""

import pytest
from driver import vm
from peers.conftest import ONLINE

HEAP = "512k"

APP = """
import requests
URL = "https://%s:%d" % (HOST, PORT)

def get(path):
    r = requests.get(URL + path)
    return r.status_code, len(r.content)

def get_ten_bytes():
    r = requests.get(URL + "/bytes/10")
    body = r.raw.read(10)  # not to the end of the stream, which comes when the server feels like it
    r.close()
    return list(body)

print("first", get("/bytes/10"))
print("get", *cost(get_ten_bytes))
r = requests.get(URL + "/bytes/5")
print("body", list(r.content))
r = requests.post(URL + "/echo", json={"temperature": 21})
print("post", r.status_code, r.json()["said"], r.json()["method"])
r = requests.put(URL + "/echo", data="text", headers={"X-Test": "1"})
print("put", r.json()["said"])
print("redirect", get("/redirect"))
try:
    requests.get("http://%s:%d/" % (HOST, PORT))
except OSError as e:
    print("plain", e.errno, "plain text is refused" in str(e))
print("left open", len(modem.ssl_sockets()))
"""

# Read as a stream, so that the heap does not matter; paced, so that the module's buffer is never found empty.
LARGE = """
import requests
block = bytearray(4096)
def get():
    r = requests.get("https://%s:%d/bytes/102400" % (HOST, PORT))
    total = wrong = 0
    while total < 102400:
        n = r.raw.readinto(block, min(4096, 102400 - total))
        for i in range(0, n, 97):
            wrong += block[i] != (total + i) % 251
        total += n
    r.close()
    return total, wrong
print(*cost(get))
print(*cost(get))
"""


@pytest.fixture(params=["frozen", "today"])
def requests_library(request):
    if request.param == "frozen":
        return []
    return [request.getfixturevalue("micropython_lib") / "python-ecosys" / "requests"]


def test_get_post_put_and_redirect(sim, options, https, requests_library):
    said = vm.run(
        ONLINE + APP, sim, options, https.port, libraries=requests_library, heap=HEAP
    ).splitlines()
    assert said == [
        "first (200, 10)",
        f"get {list(range(10))} [('QSSLCFG', 1), ('QSSLCLOSE', 1), ('QSSLOPEN', 1), ('QSSLRECV', 1), ('QSSLSEND', 1)]",
        "body [0, 1, 2, 3, 4]",
        'post 200 {"temperature": 21} POST',
        "put text",
        "redirect (200, 5)",
        "plain 95 True",
        "left open 0",
    ]


def test_100_kb_cost_one_receive_for_1500_bytes(sim, options, https):
    options.pace, options.baud = True, 921600
    said = vm.run(ONLINE + LARGE, sim, options, https.port, heap=HEAP).splitlines()
    once = "('QSSLCLOSE', 1), ('QSSLOPEN', 1), ('QSSLRECV', 69), ('QSSLSEND', 1)]"  # 69 * 1500 > 102400
    assert (
        said
        == [
            f"(102400, 0) [('CCLK?', 1), ('QSSLCFG', 16), {once}",  # verify the clock, set up the context
            f"(102400, 0) [('QSSLCFG', 1), {once}",  # see whether the context is still as it was set
        ]
    )


MORE = """
import requests
URL = "https://%s:%d" % (HOST, PORT)

def parts():
    yield b"chunk "
    yield b"by chunk"

for _ in range(3):  # more than there are sockets, and nobody closes them
    print("not read", requests.post(URL + "/echo", json={"temperature": 21}).status_code)
r = requests.head(URL + "/bytes/5")
print("head", r.status_code, r.headers["Content-Length"])
r.close()
r = requests.get(URL + "/nothing")
print("nothing", r.status_code, r.content)
r = requests.post(URL + "/echo", data=parts())
print("chunks", r.json()["said"])
r = requests.get(URL + "/bytes/3000", stream=True)
print("stream", len(r.raw.read(2000)), len(r.raw.read(1000)))
r.close()
try:
    requests.get(URL + "/never", timeout=0.5)
except OSError as e:
    print("timeout", e.errno)
print("left open", len(modem.ssl_sockets()) <= 1)
"""


def test_what_people_do_with_requests(sim, options, https, requests_library):
    said = vm.run(
        ONLINE + MORE, sim, options, https.port, libraries=requests_library, heap=HEAP
    ).splitlines()
    assert said == [
        *["not read 200"] * 3,
        "head 200 5",
        "nothing 204 b''",
        "chunks chunk by chunk",
        "stream 2000 1000",
        "timeout 110",
        "left open True",
    ]
