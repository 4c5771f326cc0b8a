"""Shipping to S3 with proof: the SHA-256 of the catalogue goes along, the server checks it, HEAD gives it back.

Where a probe shows that the server does not reject a wrong sum, every object is read back and hashed instead. Writing
is conditional (``If-None-Match: *``), so that nothing that is there is ever overwritten.
"""

import base64
import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, TypedDict

from botocore.exceptions import BotoCoreError, ClientError

from collecte.errors import NeedsPerson
from collecte.package import sha256_of
from collecte.transport.connections import Endpoint
from collecte.transport.errors import code_of, s3_errors, status_of
from collecte.transport.items import (
    Destination,
    Differs,
    Item,
    Proof,
    Removed,
    Stored,
    altered,
    came_back_other,
    check_key,
    raise_differing,
)
from collecte.transport.s3 import THREADS, is_missing, s3_prefix
from collecte.transport.s3_remove import remove_object

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: Bytes of a part; a larger object goes in parts of this size, four of all objects in flight (256 MiB of memory).
PART = 64 * 1024 * 1024
_PARTS_IN_FLIGHT = 4
_READ = 1024 * 1024
_WRONG_SUM = frozenset({"BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "InvalidDigest"})
_PROBE = ".collecte-probe"


@contextmanager
def open_s3_destination(endpoint: Endpoint, path: str) -> Iterator[Destination]:
    """Open ``bucket/prefix`` for writing.

    Raises:
        NeedsPerson: the key is refused, or the bucket is not there.
        Retry: the server cannot be reached.
    """
    with s3_prefix(endpoint, path) as (client, bucket, prefix):
        yield _S3Destination(endpoint.id, client, bucket, prefix)


@dataclass(frozen=True)
class _Server:
    """What the probes found: does it reject a wrong sum (of an object, of a part), does it honour If-None-Match."""

    checks_objects: bool
    checks_parts: bool
    honours_conditions: bool


class _At(TypedDict):
    Bucket: str
    Key: str


class _S3Destination:
    def __init__(self, conn_id: str, client: "S3Client", bucket: str, prefix: str) -> None:
        self._id, self._client, self._bucket, self._prefix = conn_id, client, bucket, prefix
        self._found: _Server | None = None
        self._memory = BoundedSemaphore(_PARTS_IN_FLIGHT)

    def _at(self, key: str) -> _At:
        check_key(key)
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    # -- probe --

    def probe(self) -> Proof:
        """See :class:`~collecte.transport.items.Destination`."""
        server = self._server()
        return "server" if server.checks_objects and server.checks_parts else "readback"

    def _server(self) -> _Server:
        if self._found is None:
            with s3_errors(self._id):
                self._found = _Server(self._checks_objects(), self._checks_parts(), self._honours_conditions())
        return self._found

    def _checks_objects(self) -> bool:
        at = self._at(f"{_PROBE}/{uuid.uuid4().hex}")
        try:
            rejected = _rejects(lambda: self._client.put_object(**at, Body=b"probe", ChecksumSHA256=_WRONG))
            return rejected and not self._exists(at)
        finally:
            self._delete(at)

    def _checks_parts(self) -> bool:
        at = self._at(f"{_PROBE}/{uuid.uuid4().hex}")
        upload = self._client.create_multipart_upload(**at, ChecksumAlgorithm="SHA256")["UploadId"]
        try:
            return _rejects(
                lambda: self._client.upload_part(
                    **at, UploadId=upload, PartNumber=1, Body=b"probe", ChecksumSHA256=_WRONG
                )
            )
        finally:
            self._client.abort_multipart_upload(**at, UploadId=upload)

    def _honours_conditions(self) -> bool:
        at = self._at(f"{_PROBE}/{uuid.uuid4().hex}")
        try:
            self._client.put_object(**at, Body=b"probe")
            self._client.put_object(**at, Body=b"other", IfNoneMatch="*")
        except ClientError as error:
            if status_of(error) != 412:
                raise
            return True
        else:
            return False
        finally:
            self._delete(at)

    def _exists(self, at: _At) -> bool:
        return self._head(at) is not None

    def _delete(self, at: _At) -> None:
        """Delete a probe, with every version of it where the bucket keeps versions."""
        self._client.delete_object(**at)
        versions = self._client.list_object_versions(Bucket=at["Bucket"], Prefix=at["Key"])
        for version in [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]:
            self._client.delete_object(**at, VersionId=version["VersionId"])

    # -- put --

    def put(self, items: Iterable[Item]) -> Iterator[Stored]:
        """See :class:`~collecte.transport.items.Destination`."""
        server = self._server()
        queue = iter(items)
        differing: list[Differs] = []
        failure: BaseException | None = None
        running: set[Future[Stored]] = set()
        with ThreadPoolExecutor(_PARTS_IN_FLIGHT, "s3-part") as parts, ThreadPoolExecutor(THREADS, "s3-put") as pool:
            try:
                while True:
                    while failure is None and len(running) < THREADS * 2 and (item := next(queue, None)) is not None:
                        running.add(pool.submit(self._store, item, server, parts))
                    if not running:
                        break
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        error = future.exception()
                        if isinstance(error, Differs):
                            differing.append(error)
                        elif error is not None:
                            failure = failure or error
                        else:
                            yield future.result()
            finally:
                pool.shutdown(cancel_futures=True)
        if failure is not None:
            raise failure
        raise_differing(differing)

    def _store(self, item: Item, server: _Server, parts: ThreadPoolExecutor) -> Stored:
        large = item.size > PART
        trusted = server.checks_parts if large else server.checks_objects
        at = self._at(item.key)
        with s3_errors(self._id):
            if (large or not server.honours_conditions) and self._exists(at):  # before all its parts are sent in vain
                return self._compare(item, at, trusted)
            try:
                composite = self._put_parts(item, at, parts) if large else self._put_whole(item, at, trusted)
            except ClientError as error:
                if status_of(error) != 412 and code_of(error) != "PreconditionFailed":
                    raise
                return self._compare(item, at, trusted)
            return self._proved(item, at, composite, trusted)

    def _put_whole(self, item: Item, at: _At, trusted: bool) -> str:
        """Send it in one request; the checksum that HEAD must give back (base64)."""
        if item.source.stat().st_size != item.size or (not trusted and sha256_of(item.source) != item.sha256):
            raise altered(item)
        checksum = _base64(item.sha256)
        with item.source.open("rb") as body:
            try:
                self._client.put_object(
                    **at,
                    Body=body,
                    ContentLength=item.size,
                    ChecksumSHA256=checksum,
                    IfNoneMatch="*",
                    Metadata={"sha256": item.sha256},
                )
            except ClientError as error:
                if code_of(error) in _WRONG_SUM:
                    raise altered(item) from None
                raise
        return checksum

    def _put_parts(self, item: Item, at: _At, parts: ThreadPoolExecutor) -> str:
        """Send it in parts, going on where a killed attempt stopped; the composite checksum (base64-N)."""
        upload, known = self._unfinished(at)
        if upload is None:
            upload = self._client.create_multipart_upload(
                **at, ChecksumAlgorithm="SHA256", Metadata={"sha256": item.sha256}
            )["UploadId"]
        finished = False
        try:
            sent, composite = self._send_parts(item, at, upload, known, parts)
            self._client.complete_multipart_upload(
                **at,
                UploadId=upload,
                MultipartUpload={"Parts": sent},
                ChecksumSHA256=composite,
                IfNoneMatch="*",
            )
            finished = True
        finally:
            if not finished:
                self._abort(at, upload)
        return composite

    def _send_parts(
        self, item: Item, at: _At, upload: str, known: dict[int, str], parts: ThreadPoolExecutor
    ) -> tuple[list[Any], str]:
        whole, sums = hashlib.sha256(), []
        sent: list[Future[Any]] = []
        try:
            with item.source.open("rb") as file:
                for number in range(1, -(-item.size // PART) + 1):
                    self._memory.acquire()
                    data = file.read(PART)
                    whole.update(data)
                    sums.append(hashlib.sha256(data).digest())
                    there = known.get(number)
                    future = parts.submit(self._send_part, at, upload, number, data, sums[-1], there)
                    future.add_done_callback(lambda _: self._memory.release())
                    sent.append(future)
                    if future.done() and future.exception() is not None:
                        break
                longer = bool(file.read(1))
            replies = [future.result() for future in sent]
        finally:
            for future in sent:
                future.cancel()
            wait(sent)
        if longer or whole.hexdigest() != item.sha256:
            raise altered(item)
        composite = base64.b64encode(hashlib.sha256(b"".join(sums)).digest()).decode()
        return replies, f"{composite}-{len(sums)}"

    def _send_part(
        self, at: _At, upload: str, number: int, data: bytes, digest: bytes, there: str | None
    ) -> dict[str, Any]:
        checksum = base64.b64encode(digest).decode()
        if there is None or there != hashlib.md5(data, usedforsecurity=False).hexdigest():
            reply = self._client.upload_part(
                **at, UploadId=upload, PartNumber=number, Body=data, ChecksumSHA256=checksum
            )
            there = reply["ETag"].strip('"')
        return {"PartNumber": number, "ETag": f'"{there}"', "ChecksumSHA256": checksum}

    def _unfinished(self, at: _At) -> tuple[str | None, dict[int, str]]:
        """An upload of this key that a killed attempt left, and the ETags (MD5) of its parts by number.

        By number, since a list may name a part twice. Of several, the youngest goes on and the others are aborted.
        """
        found = [upload for upload in self._uploads(at["Key"]) if upload["Key"] == at["Key"]]
        found.sort(key=lambda upload: upload["Initiated"])
        for upload in found[:-1]:
            self._abort(at, upload["UploadId"])
        if not found:
            return None, {}
        pages = self._client.get_paginator("list_parts").paginate(**at, UploadId=found[-1]["UploadId"])
        listed = [part for page in pages for part in page.get("Parts", [])]
        return found[-1]["UploadId"], {part["PartNumber"]: part["ETag"].strip('"') for part in listed}

    def _uploads(self, prefix: str) -> list[Any]:
        pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=prefix)
        return [upload for page in pages for upload in page.get("Uploads", [])]

    def _abort(self, at: _At, upload: str) -> None:
        """Abort an upload. A server that is away cannot: then the next attempt, or the daily sweep, finds it."""
        try:
            self._client.abort_multipart_upload(**at, UploadId=upload)
        except (ClientError, BotoCoreError):
            return

    # -- prove --

    def _compare(self, item: Item, at: _At, trusted: bool) -> Stored:
        """Something is there already: ours, from an earlier attempt, or something else."""
        head = self._head(at)
        if head is None or head["ContentLength"] != item.size:
            raise Differs(item.key)
        checksum = str(head.get("ChecksumSHA256") or "")
        expected = _composite(item) if "-" in checksum else _base64(item.sha256)
        if trusted and checksum:
            if checksum != expected:
                raise Differs(item.key)
            return _stored(item, head, "server")
        return self._read_back(item, at, head)

    def _proved(self, item: Item, at: _At, checksum: str, trusted: bool) -> Stored:
        head = self._head(at)
        if head is None or head["ContentLength"] != item.size:
            raise came_back_other(item.key)
        if trusted and head.get("ChecksumSHA256") == checksum:
            return _stored(item, head, "server")
        try:
            return self._read_back(item, at, head)
        except Differs:
            raise came_back_other(item.key) from None

    def _head(self, at: _At) -> Any:
        try:
            return self._client.head_object(**at, ChecksumMode="ENABLED")
        except ClientError as error:
            if is_missing(error):
                return None
            raise

    def _read_back(self, item: Item, at: _At, head: Any) -> Stored:
        found = self._digest(at)
        if found != (item.sha256, item.size):
            raise Differs(item.key)
        return _stored(item, head, "readback")

    def _digest(self, at: _At) -> tuple[str, int]:
        hashed, size = hashlib.sha256(), 0
        with self._client.get_object(**at)["Body"] as body:
            while data := body.read(_READ):
                hashed.update(data)
                size += len(data)
        return hashed.hexdigest(), size

    # -- look and clean --

    def remove(self, keys: Iterable[str]) -> Iterator[Removed]:
        """See :class:`~collecte.transport.items.Destination`."""
        queue = iter(keys)
        with ThreadPoolExecutor(THREADS, "s3-remove") as pool:
            while some := list(islice(queue, THREADS * 16)):
                yield from pool.map(self._remove, some)

    def _remove(self, key: str) -> Removed:
        at = self._at(key)
        with s3_errors(self._id):
            for upload in self._uploads(at["Key"]):
                if upload["Key"] == at["Key"]:
                    self._client.abort_multipart_upload(**at, UploadId=upload["UploadId"])
            return remove_object(self._client, at["Bucket"], at["Key"], key)

    def abort_unfinished(self, older_than: timedelta | None = None, prefix: str = "") -> int:
        """See :class:`~collecte.transport.items.Destination`."""
        before = datetime.now(UTC) - (older_than or timedelta(0))
        with s3_errors(self._id):
            old = [
                upload
                for upload in self._uploads(self._prefix + prefix)
                if older_than is None or upload["Initiated"] < before
            ]
            for upload in old:
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        return len(old)

    def sweep_probes(self, older_than: timedelta) -> int:
        """See :class:`~collecte.transport.items.Destination`."""
        before, prefix = datetime.now(UTC) - older_than, f"{self._prefix}{_PROBE}/"
        with s3_errors(self._id):
            uploads = [upload for upload in self._uploads(prefix) if upload["Initiated"] < before]
            for upload in uploads:  # another challenge's night may sweep them too
                self._abort({"Bucket": self._bucket, "Key": upload["Key"]}, upload["UploadId"])
            listed = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix)
            found = [each for page in listed for each in (*page.get("Versions", []), *page.get("DeleteMarkers", []))]
            keys = {each["Key"] for each in found if each["LastModified"] < before}
            for key in keys:
                self._delete({"Bucket": self._bucket, "Key": key})
        return len(uploads) + len(keys)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """See :class:`~collecte.transport.items.Destination`."""
        with s3_errors(self._id):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            keys = [item["Key"][len(self._prefix) :] for page in pages for item in page.get("Contents", [])]
        yield from sorted(keys)

    def read(self, key: str) -> bytes:
        """See :class:`~collecte.transport.items.Destination`."""
        with self._present(key), self._client.get_object(**self._at(key))["Body"] as body:
            return body.read()

    def digest(self, key: str) -> tuple[str, int]:
        """See :class:`~collecte.transport.items.Destination`."""
        with self._present(key):
            return self._digest(self._at(key))

    @contextmanager
    def _present(self, key: str) -> Iterator[None]:
        with s3_errors(self._id):
            try:
                yield
            except ClientError as error:
                if is_missing(error):
                    raise NeedsPerson(
                        f"Connection {self._id}: there is no object {key}.",
                        "ship again; if it was there, ask who removed it.",
                    ) from None
                raise


_WRONG = base64.b64encode(hashlib.sha256(b"something else").digest()).decode()


def _rejects(send: Callable[[], object]) -> bool:
    try:
        send()
    except ClientError as error:
        if code_of(error) not in _WRONG_SUM:
            raise
        return True
    return False


def _base64(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode()


def _composite(item: Item) -> str:
    """The checksum that S3 gives an object sent in parts: the SHA-256 of the parts' SHA-256s, and their number."""
    sums = []
    with item.source.open("rb") as file:
        while data := file.read(PART):
            sums.append(hashlib.sha256(data).digest())
    return f"{base64.b64encode(hashlib.sha256(b''.join(sums)).digest()).decode()}-{len(sums)}"


def _stored(item: Item, head: Any, proof: Proof) -> Stored:
    return Stored(item, head.get("VersionId"), str(head["ETag"]).strip('"'), proof)
