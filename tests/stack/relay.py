"""A TCP port in front of another one, which stops a connection in the middle of its transfer until it is told."""

import socket
import threading
from contextlib import suppress

_CHUNK = 1 << 16


class Relay:
    """Forwards to ``port`` of this machine; to be used as a context manager. Connects by ``self.port``."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        #: Set once a connection stands still.
        self.held = threading.Event()
        self._lock = threading.Lock()
        self._left: int | None = None
        self._go = threading.Event()
        self._open: list[socket.socket] = []

    def __enter__(self) -> "Relay":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts; closing alone does not
        self._listener.close()
        self.cut()

    def hold_after(self, count: int) -> None:
        """Let ``count`` more bytes pass, in both directions together; then every connection stands still."""
        with self._lock:
            self.held.clear()
            self._left, self._go = count, threading.Event()

    def let_others_pass(self) -> None:
        """What stands still goes on standing; new connections pass."""
        with self._lock:
            self._left = None

    def release(self) -> None:
        """Everything passes."""
        self.let_others_pass()
        self._go.set()

    def lead_to(self, port: int) -> None:
        """Cut every connection; new ones go to another port."""
        self._to = port
        self.release()
        self.cut()

    def cut(self) -> None:
        """Close every connection; new ones pass."""
        with self._lock:
            connections, self._open = self._open, []
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                return
            with self._lock:
                self._open += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._forward, args=(source, target), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(_CHUNK):
                self._pass(len(chunk))
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)

    def _pass(self, count: int) -> None:
        with self._lock:
            if self._left is None:
                return
            self._left -= count
            if self._left >= 0:
                return
            go = self._go
            self.held.set()
        go.wait()
