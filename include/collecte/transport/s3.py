"""S3, from any maker, by boto3: the client, and a drop that is read from it with eight requests at once.

An S3 object is replaced whole or not at all, so one GET holds one version; its ETag says which, and a cut download goes
on only in the same one (``If-Match``).
"""

import base64
import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from functools import cache
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, BinaryIO

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from collecte.errors import NeedsPerson, Retry
from collecte.transport.connections import Endpoint, broken
from collecte.transport.entries import (
    TRIES,
    Entry,
    Fetched,
    Source,
    Want,
    came_back_changed,
    leads_out,
    sha256_of_stream,
    sort_key,
)
from collecte.transport.errors import code_of, s3_errors, status_of
from collecte.transport.parts import PartFile, resume_point, sync_folders

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

THREADS = 8
_READ = 1024 * 1024
_BATCH = 256
_NOT_FOUND = frozenset({"404", "NoSuchKey", "NoSuchVersion"})
_DENIED = frozenset({"403", "AccessDenied"})

#: A session may not make two clients at a time.
_ONE_AT_A_TIME = Lock()


@cache
def _session() -> boto3.session.Session:
    """What every client is made from: to read botocore's description of S3 takes twenty times what a client does."""
    return boto3.session.Session()


def s3_client(endpoint: Endpoint) -> "S3Client":
    """A client that signs as the connection says, sends no checksum but ours, and gives up on a silent server.

    Raises:
        NeedsPerson: an extra cannot be read.
    """
    url = endpoint.text("endpoint_url") or None
    config = Config(
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=THREADS * 2,
        retries={"mode": "standard", "total_max_attempts": 3},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path"} if url else {},
    )
    try:
        if isinstance(own := endpoint.extra.get("config_kwargs"), Mapping):
            config = config.merge(Config(**own))
        with _ONE_AT_A_TIME:
            return _session().client(
                "s3",
                endpoint_url=url,
                region_name=endpoint.text("region_name") or "us-east-1",
                aws_access_key_id=endpoint.login or None,
                aws_secret_access_key=endpoint.password or None,
                aws_session_token=endpoint.text("aws_session_token") or None,
                config=config,
            )
    except (BotoCoreError, ValueError, TypeError):
        raise broken(
            endpoint.id, "extra", "holds something botocore does not take", "correct endpoint_url or config_kwargs"
        ) from None


def bucket_and_prefix(endpoint: Endpoint, path: str) -> tuple[str, str]:
    """``bucket/some/prefix`` → ``bucket`` and ``some/prefix/`` (empty, or ending with a slash)."""
    bucket, _, prefix = path.removeprefix("s3://").strip("/").partition("/")
    if not bucket:
        raise broken(
            endpoint.id, "the path that goes with it", "names no bucket", "write bucket/prefix in the challenge file"
        )
    return bucket, f"{prefix}/" if prefix else ""


def is_missing(error: ClientError) -> bool:
    """Whether the reply says that there is no such object."""
    return code_of(error) in _NOT_FOUND


@contextmanager
def s3_prefix(endpoint: Endpoint, path: str) -> Iterator[tuple["S3Client", str, str]]:
    """A client that has seen ``bucket/prefix`` answer, with the bucket and the prefix (``some/prefix/`` or empty).

    Raises:
        NeedsPerson: the key is refused, or the bucket is not there.
        Retry: the server cannot be reached.
    """
    client = s3_client(endpoint)
    bucket, prefix = bucket_and_prefix(endpoint, path)
    try:
        with s3_errors(endpoint.id):
            client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
        yield client, bucket, prefix
    finally:
        client.close()


@contextmanager
def open_s3(endpoint: Endpoint, path: str) -> Iterator[Source]:
    """Open ``bucket/prefix`` for reading; raises as :func:`s3_prefix`."""
    with s3_prefix(endpoint, path) as (client, bucket, prefix):
        yield _S3Source(endpoint.id, client, bucket, prefix)


class _S3Source:
    def __init__(self, conn_id: str, client: "S3Client", bucket: str, prefix: str) -> None:
        self._id, self._client, self._bucket, self._prefix = conn_id, client, bucket, prefix

    def _key(self, path: str) -> str:
        if leads_out(path):
            raise NeedsPerson(f"Connection {self._id}: a path leads out of the drop.", "report it to us.")
        return self._prefix + path

    def entries(self) -> Iterator[Entry]:
        """See :class:`~collecte.transport.entries.Source`. Sorted here: not every server lists in byte order."""
        found = []
        with s3_errors(self._id):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
            for page in pages:
                for item in page.get("Contents", []):
                    path = item["Key"][len(self._prefix) :]
                    if (path.endswith("/") and not item["Size"]) or not path:
                        continue  # how consoles draw a folder
                    mtime_ns = int(item["LastModified"].timestamp() * 1000) * 1_000_000
                    found.append(Entry(path, item["Size"], mtime_ns, "special" if leads_out(path) else "file"))
        yield from sorted(found, key=lambda entry: sort_key(entry.path))

    def read_small(self, path: str, limit_bytes: int) -> bytes:
        """See :class:`~collecte.transport.entries.Source`."""
        with s3_errors(self._id):
            try:
                reply = self._client.get_object(Bucket=self._bucket, Key=self._key(path))
            except ClientError as error:
                if is_missing(error):
                    raise Retry(f"Connection {self._id}: a file was removed while it was read.") from None
                raise
            with reply["Body"] as body:
                data = body.read(limit_bytes + 1)
        if len(data) > limit_bytes:
            raise NeedsPerson(
                f"Connection {self._id}: a file to be read whole is larger than {limit_bytes} bytes.",
                "ask the centre to replace it.",
            )
        return data

    def write(self, path: str, content: BinaryIO) -> None:
        """See :class:`~collecte.transport.entries.Source`. The SHA-256 goes along, for servers that check it."""
        key, sha256 = self._key(path), sha256_of_stream(content)
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        with s3_errors(self._id):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ChecksumSHA256=checksum)
            hashed = hashlib.sha256()
            with self._client.get_object(Bucket=self._bucket, Key=key)["Body"] as body:
                while data := body.read(_READ):
                    hashed.update(data)
        if hashed.hexdigest() != sha256:
            raise came_back_changed(self._id)

    def remove(self, entry: Entry) -> bool:
        """See :class:`~collecte.transport.entries.Source`. HEAD tells times in whole seconds."""
        key = self._key(entry.path)
        with s3_errors(self._id):
            try:
                look = self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if is_missing(error):
                    return False
                raise
            seconds = int(look["LastModified"].timestamp())
            if (look["ContentLength"], seconds) != (entry.size, entry.mtime_ns // 1_000_000_000):
                return False
            self._client.delete_object(Bucket=self._bucket, Key=key)
        return True

    def clock_offset(self) -> float | None:
        """Seconds by which the server is ahead, from the Date of a reply (whole seconds)."""
        with s3_errors(self._id):
            reply = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)
        date = reply["ResponseMetadata"]["HTTPHeaders"].get("date")
        return parsedate_to_datetime(date).timestamp() - time.time() if date else None

    def fetch(self, wants: Iterable[Want]) -> Iterator[Fetched]:
        """See :class:`~collecte.transport.entries.Source`."""
        stopped = Event()
        queue = iter(wants)
        batch: list[Fetched] = []
        denied = 0
        pool = ThreadPoolExecutor(THREADS, "s3-fetch")
        try:
            running: set[Future[Fetched | None]] = set()
            failure: BaseException | None = None
            while True:
                while failure is None and len(running) < THREADS * 2 and (want := next(queue, None)) is not None:
                    running.add(pool.submit(self._take, want, stopped))
                if not running:
                    break
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    if (error := future.exception()) is not None:
                        failure = failure or error
                        stopped.set()
                    elif (result := future.result()) is None:
                        denied += 1
                    else:
                        batch.append(result)
                if len(batch) >= _BATCH:
                    yield from self._settled(batch)
                    batch = []
            yield from self._settled(batch)
            if failure is not None:
                raise failure
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)
        if denied:
            raise NeedsPerson(
                f"Connection {self._id}: {denied} files of the drop may not be read with our key.",
                "ask the centre to give the key the right to read them; the others were received.",
            )

    def _settled(self, batch: list[Fetched]) -> list[Fetched]:
        with s3_errors(self._id):
            sync_folders(result.want.target for result in batch if result.outcome == "ok")
        return batch

    def _take(self, want: Want, stopped: Event) -> Fetched | None:
        """One file; None where it may not be read."""
        if want.entry.kind != "file":
            return Fetched(want, "refused")
        with s3_errors(self._id):
            try:
                return self._try(want, stopped)
            except ClientError as error:
                if is_missing(error):
                    return Fetched(want, "vanished")
                if code_of(error) in _DENIED:
                    return None
                raise

    def _try(self, want: Want, stopped: Event) -> Fetched:
        """One file, tried again where the stream breaks or the object was replaced."""
        failure: Exception | None = None
        for _ in range(TRIES):
            if stopped.is_set():
                raise Retry(f"Connection {self._id}: stopped with the others.")
            try:
                result = self._copy(want, stopped)
            except BotoCoreError as error:  # the stream broke; what is noted as safe is kept
                failure = error
            else:
                if result is not None:
                    return result
        if failure is not None:
            raise failure
        return Fetched(want, "changed")

    def _copy(self, want: Want, stopped: Event) -> Fetched | None:
        """One attempt; None where the object was replaced since the part was begun."""
        reply = self._get(want)
        if reply is None:
            return None
        with reply["Body"] as body:
            start = _start_of(reply)
            size = start + int(reply["ContentLength"])
            part = PartFile(want, str(reply["ETag"]), size)
            try:
                if part.offset != start:
                    part.discard()
                    return None
                while not stopped.is_set() and (data := body.read(_READ)):
                    part.write(data)
                    if part.checkpoint_due:
                        part.checkpoint()
                if part.offset != size:
                    return None
                return Fetched(want, "ok", size, part.finish())
            finally:
                part.keep()

    def _get(self, want: Want) -> Any:
        """The object's stream, from where an earlier attempt stopped if it is still the same; None if it is not."""
        key = self._key(want.entry.path)
        saved = resume_point(want.part)
        if saved is None or not saved[1]:
            return self._client.get_object(Bucket=self._bucket, Key=key)
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key, IfMatch=saved[0], Range=f"bytes={saved[1]}-")
        except ClientError as error:
            if status_of(error) not in (412, 416):
                raise
            want.part.unlink(missing_ok=True)
            return None


def _start_of(reply: Any) -> int:
    """Offset (bytes) of a partial reply: ``Content-Range: bytes 100-199/200``."""
    content_range = str(reply.get("ContentRange") or "")
    return int(content_range.removeprefix("bytes ").partition("-")[0]) if content_range else 0
