"""A serial port on the network, for boards that are not at this PC."""

import socket
import threading

import serial
import serial.rfc2217


class PtyPort(serial.Serial):
    """A pty has no modem lines, and says so by an error; RFC 2217 sets and reports them."""

    cts = dsr = ri = cd = dtr = rts = False


class Bridge:
    """A serial port offered on TCP, as ser2net does: raw, or with RFC 2217."""

    def __init__(self, port: str, rfc2217: bool = False) -> None:
        self._port = PtyPort(port, timeout=0.05)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.address = "{}:{}".format(*self._server.getsockname())
        self._rfc2217 = rfc2217
        self._open = True
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self._open = False
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self):
        while self._open:
            try:
                client, _ = self._server.accept()
            except OSError:
                break
            with client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._carry(client)
        self._port.close()

    def _carry(self, client):
        class Connection:
            write = staticmethod(client.sendall)

        manager = serial.rfc2217.PortManager(self._port, Connection) if self._rfc2217 else None
        alive = threading.Event()
        alive.set()

        def outward():
            while alive.is_set():
                data = self._port.read(self._port.in_waiting or 1)
                try:
                    client.sendall(b"".join(manager.escape(data)) if manager else data)
                except OSError:
                    return

        thread = threading.Thread(target=outward, daemon=True)
        thread.start()
        try:
            while data := client.recv(4096):
                self._port.write(b"".join(manager.filter(data)) if manager else data)
        except OSError:
            pass
        alive.clear()
        thread.join()
