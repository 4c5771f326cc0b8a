"""A relay in front of a real object store: it can be busy, slow, or tell another day; what passes is untouched."""

import http.client
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from tests.http_servers import QuietHandler, serving

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
_TIMES = re.compile(rb"(?<=<LastModified>)[^<]+")


@dataclass
class HttpRelay:
    """Its habits, which a test may change while it runs.

    ``refuse``: how many more requests of ``methods`` are answered with ``status`` and not passed on (-1: all);
    ``delay``: seconds before each answer; ``shift``: by how much all dates that the store tells are later.
    """

    to: int
    refuse: int = 0
    status: int = 503
    methods: tuple[str, ...] = ("PUT", "POST")
    delay: float = 0.0
    shift: timedelta = timedelta()
    port: int = 0
    refused: int = 0
    passed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def refuses(self, method: str) -> bool:
        """Whether this request is one of those; counted."""
        with self.lock:
            if method in self.methods and self.refuse:
                self.refuse -= 1
                self.refused += 1
                return True
            self.passed += 1
            return False


@contextmanager
def http_relay(to: int, **habits: object) -> Iterator[HttpRelay]:
    """One running on a free port of this machine, in front of the port ``to``."""
    state = HttpRelay(to, **habits)  # type: ignore[arg-type]

    class Handler(_Handler):
        relay = state

    with serving(Handler) as state.port:
        yield state


class _Handler(QuietHandler):
    relay: HttpRelay

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(self.relay.delay)
        if self.relay.refuses(self.command):
            self._answer(self.relay.status, b"<Error><Code>SlowDown</Code></Error>", {})
            return
        store = http.client.HTTPConnection("127.0.0.1", self.relay.to, timeout=60)
        try:
            # The signature is over the Host that the client wrote: it must arrive as it is.
            store.request(self.command, self.path, body, dict(self.headers))
            reply = store.getresponse()
            content = reply.read()
            self._answer(reply.status, self._shifted(content), dict(reply.getheaders()))
        finally:
            store.close()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _any  # http.server's names

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        self.send_header("Date", format_datetime(datetime.now(UTC) + self.relay.shift, usegmt=True))
        for name, value in headers.items():
            if name.lower() == "last-modified":
                value = format_datetime(parsedate_to_datetime(value) + self.relay.shift, usegmt=True)
            if name.lower() not in _HOP:
                self.send_header(name, value)
        length = next((v for n, v in headers.items() if n.lower() == "content-length"), "0")
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _shifted(self, content: bytes) -> bytes:
        def later(match: re.Match[bytes]) -> bytes:
            told = datetime.fromisoformat(match[0].decode())
            return (told + self.relay.shift).strftime("%Y-%m-%dT%H:%M:%S.000Z").encode()

        return _TIMES.sub(later, content) if self.relay.shift else content
