"""A host as public Arduino libraries are, written from the AT manual alone: it ends lines in CR LF, and reads byte by
byte up to one of a few endings.

Shares no code with the driver. What it does not know it skips, as those libraries do.
"""

import time

import serial

ENDINGS = (b"\r\nOK\r\n", b"\r\nERROR\r\n")
MOST_SENT, MOST_READ = 1460, 1500
PATIENCE_S = 60.0


class CrLfClient:
    """One port. Errors are TimeoutError and AssertionError."""

    def __init__(self, path: str):
        self._port = serial.serial_for_url(path, 115200, timeout=1)

    def close(self) -> None:
        """Let go of the port."""
        self._port.close()

    def wait(self, *endings: bytes) -> bytes:
        """All that comes, up to and with one of the endings."""
        seen = bytearray()
        deadline = time.monotonic() + PATIENCE_S
        while not seen.endswith(endings):
            if time.monotonic() > deadline:
                raise TimeoutError(f"none of {endings} in {bytes(seen)!r}")
            seen += self._port.read(1)
        return bytes(seen)

    def send_at(self, line: str, *endings: bytes) -> bytes:
        """AT and `line`, ended by CR LF; what came until an ending, OK or ERROR where none is given."""
        self._port.write(b"AT" + line.encode() + b"\r\n")
        answer = self.wait(*(endings or ENDINGS))
        assert not answer.endswith(ENDINGS[1]), (line, answer)
        return answer

    def begin(self, apn: str) -> None:
        """Echo off, registered, a PDP context."""
        self._port.write(b"AT\r\nATE0\r\n")
        self.wait(ENDINGS[0])
        self.wait(ENDINGS[0])
        deadline = time.monotonic() + PATIENCE_S
        while b",1" not in self.send_at("+CEREG?"):
            assert time.monotonic() < deadline, "not registered"
            time.sleep(0.25)
        self.send_at(f'+QICSGP=1,1,"{apn}","","",0')
        self.send_at("+QIACT=1")

    def upload(self, name: str, content: bytes) -> None:
        """AT+QFUPL."""
        self.send_at(f'+QFUPL="{name}",{len(content)},60', b"CONNECT\r\n")
        self._port.write(content)
        answer = self.wait(*ENDINGS)
        assert b"+QFUPL: %d," % len(content) in answer, answer

    def download(self, name: str) -> bytes:
        """AT+QFDWL."""
        self.send_at(f'+QFDWL="{name}"', b"CONNECT\r\n")
        answer = self.wait(*ENDINGS)
        return answer[: answer.rindex(b"\r\n+QFDWL:")]


class Connection:
    """One client ID: a TCP connection, or a TLS one."""

    def __init__(self, client: CrLfClient, number: int, tls: bool):
        self._client, self._number, self._tls = client, number, tls

    def open(self, host: str, port: int) -> None:
        """In buffer access mode."""
        if self._tls:
            self._client.send_at(f'+QSSLOPEN=1,1,{self._number},"{host}",{port},0')
            result = "\r\n+QSSLOPEN: "
        else:
            self._client.send_at(f'+QIOPEN=1,{self._number},"TCP","{host}",{port},0,0')
            result = "\r\n+QIOPEN: "
        self._client.wait(f"{result}{self._number},0\r\n".encode())

    def write(self, data: bytes) -> None:
        """In pieces with a length."""
        command = "+QSSLSEND" if self._tls else "+QISEND"
        for at in range(0, len(data), MOST_SENT):
            piece = data[at : at + MOST_SENT]
            self._client.send_at(f"{command}={self._number},{len(piece)}", b">", ENDINGS[1])
            self._client._port.read(1)  # the space behind it
            self._client._port.write(piece)
            self._client.wait(b"\r\nSEND OK\r\n")

    def read(self, size: int) -> bytes:
        """Exactly so much."""
        command = "+QSSLRECV" if self._tls else "+QIRD"
        data = bytearray()
        deadline = time.monotonic() + PATIENCE_S
        while len(data) < size:
            assert time.monotonic() < deadline, f"{len(data)} of {size} bytes came"
            most = min(MOST_READ, size - len(data))
            self._client.send_at(f"{command}={self._number},{most}", f"{command}: ".encode())
            count = int(self._client.wait(b"\r\n"))
            while count:
                piece = self._client._port.read(count)
                count -= len(piece)
                data += piece
            self._client.wait(ENDINGS[0])
        return bytes(data)

    def close(self) -> None:
        """Wait until it is closed."""
        self._client.send_at(f"+Q{'SSL' if self._tls else 'I'}CLOSE={self._number}")
