"""How far does a connection get? Asked stage by stage, where opening a drop says only that it failed."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import asyncssh
from botocore.exceptions import ClientError, NoCredentialsError, PartialCredentialsError, SSLError

from collecte.errors import CollecteError
from collecte.transport.connections import Endpoint
from collecte.transport.errors import code_of, disk_errors, s3_errors, sftp_errors, status_of
from collecte.transport.folder import open_folder
from collecte.transport.s3 import bucket_and_prefix, s3_client
from collecte.transport.sftp_link import connect_options

#: In their order: each needs those before it. ``identity``: is the server whom we think (host key, certificate)?
Stage = Literal["configured", "reached", "identity", "login", "folder"]

#: What an object store answers to a key that is not one of its own.
_REFUSED_KEYS = frozenset(
    {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "RequestTimeTooSkewed",
        "AuthorizationHeaderMalformed",
    }
)


@dataclass(frozen=True)
class Stopped:
    """The first stage that failed, and why."""

    stage: Stage
    error: CollecteError


def probe(endpoint: Endpoint, path: str) -> Stopped | None:
    """Where a connection stops on the way to the folder ``path`` of its drop; None where it gets there.

    What fails is the answer: nothing of the network is raised.
    """
    probes: dict[str, Callable[[], Stopped | None]] = {
        "sftp": partial(_sftp, endpoint, path),
        "aws": partial(_s3, endpoint, path),
        "file": partial(_folder, endpoint, path),
    }
    return probes[endpoint.conn_type]()


def _sftp(endpoint: Endpoint, path: str) -> Stopped | None:
    stage: Stage = "configured"
    try:
        with sftp_errors(endpoint.id):
            options = connect_options(endpoint)
            stage = "reached"
            # What does not answer to this is no matter of keys: a name, an address, a firewall.
            socket.create_connection((options["host"], options["port"]), options["connect_timeout"]).close()
            try:
                asyncio.run(_log_in(options, path))
            except asyncssh.HostKeyNotVerifiable:
                stage = "identity"
                raise
            except (asyncssh.PermissionDenied, asyncssh.PasswordChangeRequired, asyncssh.IllegalUserName):
                stage = "login"
                raise
            except asyncssh.SFTPError:
                stage = "folder"
                raise
    except CollecteError as error:
        return Stopped(stage, error)
    return None


async def _log_in(options: dict[str, object], path: str) -> None:
    async with asyncssh.connect(**options) as link, link.start_sftp_client(path_encoding=None) as client:
        await client.stat(path.encode("utf-8", "surrogateescape") or b".")


def _s3(endpoint: Endpoint, path: str) -> Stopped | None:
    """One request: a reply, whatever it says, proves that the server was reached."""
    stage: Stage = "configured"
    try:
        client = s3_client(endpoint)
        bucket, prefix = bucket_and_prefix(endpoint, path)
        stage = "reached"
        with s3_errors(endpoint.id):
            try:
                client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
            except SSLError:
                stage = "identity"
                raise
            except ClientError as error:
                stage = _stage_of(error)
                raise
            except (NoCredentialsError, PartialCredentialsError):
                stage = "login"
                raise
            finally:
                client.close()
    except CollecteError as error:
        return Stopped(stage, error)
    return None


def _stage_of(error: ClientError) -> Stage:
    if status_of(error) >= 500:
        return "reached"
    return "login" if code_of(error) in _REFUSED_KEYS else "folder"


def _folder(endpoint: Endpoint, path: str) -> Stopped | None:
    try:
        with disk_errors(endpoint.id), open_folder(endpoint, path):
            return None
    except CollecteError as error:
        return Stopped("folder", error)
