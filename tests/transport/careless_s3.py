"""A small S3 server over HTTP that is as careless as some are: it checks no sum, and whatever else a test asks for."""

import hashlib
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from collecte.transport import Endpoint
from tests.http_servers import QuietHandler, serving


@dataclass
class Careless:
    """Its objects and uploads, and its habits. ``requests`` counts what was asked of it."""

    honours_conditions: bool = True
    flips_a_bit: bool = False
    echoes_the_sum: bool = True
    keeps_what_is_deleted: bool = False
    busy: int = 0
    full: bool = False
    objects: dict[str, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    uploads: dict[str, tuple[str, dict[int, bytes]]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    endpoint: Endpoint = field(default_factory=lambda: Endpoint("careless_test", "aws"))


@contextmanager
def careless_s3(**habits: object) -> Iterator[Careless]:
    """One running on a free port of this machine."""
    careless = Careless(**habits)  # type: ignore[arg-type]

    class Handler(_Handler):
        state = careless

    with serving(Handler) as port:
        extra = {"endpoint_url": f"http://127.0.0.1:{port}"}
        careless.endpoint = Endpoint("careless_test", "aws", login="AK", password="SK", extra=extra)
        yield careless


class _Handler(QuietHandler):
    state: Careless

    def _parts(self) -> tuple[str, dict[str, list[str]]]:
        url = urlsplit(self.path)
        return unquote(url.path).partition("/")[2].partition("/")[2], parse_qs(url.query, keep_blank_values=True)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", headers.pop("size", str(len(body))))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _error(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code></Error>".encode())

    def do_PUT(self) -> None:
        key, query = self._parts()
        data = self._body()
        self.state.requests.append(f"PUT {key} {query.get('partNumber', [''])[0]}".strip())
        if self.state.busy:
            self.state.busy -= 1
            self._error(503, "SlowDown")
        elif self.state.full:
            self._error(507, "XMinioStorageFull")
        elif "partNumber" in query:
            self.state.uploads[query["uploadId"][0]][1][int(query["partNumber"][0])] = data
            self._answer(200, ETag=f'"{_md5(data)}"')
        elif self.headers.get("If-None-Match") and key in self.state.objects and self.state.honours_conditions:
            self._error(412, "PreconditionFailed")
        else:
            self._store(key, data)
            self._answer(200, ETag=f'"{_md5(data)}"')

    def _store(self, key: str, data: bytes) -> None:
        if self.state.flips_a_bit and data:
            data = bytes([data[0] ^ 1]) + data[1:]
        kept = {name: value for name, value in self.headers.items() if name.lower().startswith("x-amz-meta-")}
        checksum = self.headers.get("x-amz-checksum-sha256")
        if checksum and self.state.echoes_the_sum:
            kept["x-amz-checksum-sha256"] = checksum
        self.state.objects[key] = (data, kept)

    def do_POST(self) -> None:
        key, query = self._parts()
        body = self._body()
        self.state.requests.append(f"POST {key}")
        if "uploads" in query:
            upload = uuid.uuid4().hex
            self.state.uploads[upload] = (key, {})
            self._answer(
                200,
                f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>".encode(),
            )
            return
        _, parts = self.state.uploads.pop(query["uploadId"][0])
        numbers = [int(number) for number in re.findall(rb"<PartNumber>(\d+)</PartNumber>", body)]
        self._store(key, b"".join(parts[number] for number in numbers))
        self._answer(200, b'<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>')

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        key, query = self._parts()
        self.state.requests.append(f"{self.command} {key}")
        if "uploads" in query:
            self._answer(200, self._list_uploads(query.get("prefix", [""])[0]))
        elif "uploadId" in query:
            self._answer(200, self._list_parts(query["uploadId"][0]))
        elif "versions" in query:
            self._answer(200, b"<ListVersionsResult></ListVersionsResult>")
        elif not key:
            self._answer(200, self._list(query.get("prefix", [""])[0]))
        elif key not in self.state.objects:
            self._error(404, "NoSuchKey")
        else:
            data, kept = self.state.objects[key]
            self._answer(200, data, ETag=f'"{_md5(data)}"', **kept)

    def _list(self, prefix: str) -> bytes:
        found = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(data)}</Size>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key, (data, _) in sorted(self.state.objects.items())
            if key.startswith(prefix)
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode()

    def _list_uploads(self, prefix: str) -> bytes:
        found = "".join(
            f"<Upload><Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
            "<Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload>"
            for upload, (key, _) in self.state.uploads.items()
            if key.startswith(prefix)
        )
        return (
            f"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>{found}</ListMultipartUploadsResult>".encode()
        )

    def _list_parts(self, upload: str) -> bytes:
        """Each part twice, as a real server was seen to do."""
        found = "".join(
            f'<Part><PartNumber>{number}</PartNumber><ETag>"{_md5(data)}"</ETag><Size>{len(data)}</Size></Part>' * 2
            for number, data in sorted(self.state.uploads[upload][1].items())
        )
        return f"<ListPartsResult><IsTruncated>false</IsTruncated>{found}</ListPartsResult>".encode()

    def do_DELETE(self) -> None:
        key, query = self._parts()
        self.state.requests.append(f"DELETE {key}")
        if "uploadId" in query:
            self.state.uploads.pop(query["uploadId"][0], None)
        elif not self.state.keeps_what_is_deleted:
            self.state.objects.pop(key, None)
        self._answer(204)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
