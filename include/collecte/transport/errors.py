"""What each library raises, turned into what happens next. The library's message, which may quote a path, is cut off.

Each of the three context managers stands around one library's calls::

    with sftp_errors("chu_arvel"):
        ...

A lost connection, a time-out, a busy server → :class:`~collecte.errors.Retry`. A key, a permission, a full disk →
:class:`~collecte.errors.NeedsPerson`, whose message names the connection and ends with the remedy.
"""

import errno
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import asyncssh
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    SSLError,
)

from collecte.errors import CollecteError, NeedsPerson, Retry

# At DEBUG (asyncssh: at INFO too) these tell paths and keys of a drop, which identify: never into a task log.
for _name, _level in (("asyncssh", logging.WARNING), ("botocore", logging.INFO), ("urllib3", logging.INFO)):
    logging.getLogger(_name).setLevel(_level)


_KEY_ERRORS = (asyncssh.KeyImportError, asyncssh.KeyEncryptionError)


@dataclass(frozen=True)
class Peer:
    """Who is asked when a server refuses, and how messages call what is there."""

    whom: str
    place: str
    path: str
    rights: str


DROP = Peer(
    "the centre", "the drop", "drop.path in the challenge file", "read the drop and to write in its folder retour"
)
HOST = Peer("the host", "the destination", "the destination's place.path", "write, read, rename and remove there")


@contextmanager
def sftp_errors(conn_id: str, peer: Peer = DROP) -> Iterator[None]:
    """Turn what asyncssh, the network and the local disk raise into what happens next."""
    try:
        yield
    except (asyncssh.Error, *_KEY_ERRORS, asyncssh.PasswordChangeRequired) as error:
        raise _of_sftp(conn_id, error, peer) from None
    except OSError as error:
        raise of_os(conn_id, error) from None


@contextmanager
def s3_errors(conn_id: str) -> Iterator[None]:
    """Turn what botocore and the local disk raise into what happens next."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise of_s3(conn_id, error) from None
    except OSError as error:
        raise of_os(conn_id, error) from None


@contextmanager
def disk_errors(conn_id: str) -> Iterator[None]:
    """Turn what this machine's file system raises into what happens next."""
    try:
        yield
    except OSError as error:
        raise of_os(conn_id, error) from None


_SFTP_PERSON: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str, str], ...] = (
    (
        asyncssh.HostKeyNotVerifiable,
        "the server shows another key than the one pinned in host_key, or none was pinned that fits; nothing was sent",
        "ask {whom} by telephone for its new host key and compare; only then replace host_key in the connection",
    ),
    (
        asyncssh.PermissionDenied,
        "the server refuses our login",
        "check login, password or private_key in the connection, or ask {whom} whether the account is open",
    ),
    (
        asyncssh.PasswordChangeRequired,
        "the server wants a new password",
        "have {whom} set one, then put it into the connection",
    ),
    (
        asyncssh.KeyExchangeFailed,
        "server and Collecte have no cipher in common",
        "ask {whom} to allow aes128-gcm or chacha20-poly1305, which every server since 2014 has",
    ),
    (asyncssh.IllegalUserName, "the login is no user name", "correct login in the connection"),
    (
        _KEY_ERRORS,
        "a key of the connection cannot be read",
        "check private_key or key_file, private_key_passphrase and host_key: OpenSSH form, whole lines",
    ),
    (
        asyncssh.SFTPPermissionDenied,
        "the account may not do this in {place}",
        "ask {whom} to give the account the right to {rights}",
    ),
    (asyncssh.SFTPWriteProtect, "{place} is read-only", "ask {whom} to let the account write there"),
    (
        asyncssh.SFTPNoSpaceOnFilesystem,
        "the server has no space left",
        "ask {whom} to make room on its server",
    ),
    (asyncssh.SFTPQuotaExceeded, "the account's quota is used up", "ask {whom} to raise it"),
    (
        asyncssh.SFTPNoSuchFile,
        "the folder of {place} is not there",
        "correct {path}, or ask {whom} to create the folder",
    ),
    (
        asyncssh.SFTPNoSuchPath,
        "the folder of {place} is not there",
        "correct {path}, or ask {whom} to create the folder",
    ),
    (
        asyncssh.SFTPOpUnsupported,
        "the server cannot do what is asked of it",
        "ask {whom} which SFTP server this is, and report it to us",
    ),
)


def _of_sftp(conn_id: str, error: Exception, peer: Peer) -> CollecteError:
    for kind, what, remedy in _SFTP_PERSON:
        if isinstance(error, kind):
            told = asdict(peer)
            return NeedsPerson(f"Connection {conn_id}: {what.format(**told)}.", f"{remedy.format(**told)}.")
    if isinstance(error, asyncssh.ChannelOpenError):
        return Retry(f"Connection {conn_id}: the server allows no further session for now.")
    return Retry(f"Connection {conn_id}: the connection was lost ({type(error).__name__}).")


_OS_PERSON: Mapping[int, tuple[str, str]] = {
    errno.ENOSPC: ("no space is left on our disk", "make room, or give the zone a larger disk"),
    errno.EDQUOT: ("our quota on the disk is used up", "make room, or raise the quota"),
    errno.EROFS: ("our disk is read-only", "mount it writable; it may be failing"),
    errno.EACCES: ("a folder of ours may not be written or read", "give the account that runs Collecte the right"),
    errno.EPERM: ("a folder of ours may not be written or read", "give the account that runs Collecte the right"),
    errno.EIO: ("our disk fails", "look at the machine's kernel log; replace the disk"),
    errno.ENOENT: ("a folder or file of ours is not there", "check that the zone's disk is mounted and the path right"),
    errno.ENOTDIR: ("a folder of ours is none", "check the path of the zone or of the drop"),
    errno.ENAMETOOLONG: ("a name is longer than our disk takes", "report it: names in our zones are given by us"),
}


def of_os(conn_id: str, error: OSError) -> CollecteError:
    """A failure of the network (retry) or of the local disk (a person)."""
    if isinstance(error, TimeoutError):
        return Retry(f"Connection {conn_id}: the server does not answer.")
    if error.errno is not None and error.errno in _OS_PERSON:
        what, remedy = _OS_PERSON[error.errno]
        return NeedsPerson(f"Connection {conn_id}: {what}.", f"{remedy}.")
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return Retry(f"Connection {conn_id}: the connection was lost ({type(error).__name__}).")
    return Retry(f"Connection {conn_id}: no connection ({type(error).__name__}).")


_S3_PERSON: Mapping[str, tuple[str, str]] = {
    "AccessDenied": ("the server denies access", "give this key the right to list, read and write there"),
    "403": ("the server denies access", "give this key the right to list, read and write there"),
    "AllAccessDisabled": ("the server denies access", "ask the operator of the bucket why it is closed"),
    "InvalidAccessKeyId": ("the server does not know the access key", "correct login in the connection"),
    "SignatureDoesNotMatch": ("the secret does not fit the access key", "correct password in the connection"),
    "ExpiredToken": ("the session token has run out", "put a new one into the connection"),
    "InvalidToken": ("the session token is refused", "put a new one into the connection"),
    "NoSuchBucket": ("the bucket is not there", "correct the path in the challenge file, or create the bucket"),
    "InvalidBucketName": ("the bucket's name is none", "correct the path in the challenge file"),
    "RequestTimeTooSkewed": ("our clock and the server's differ", "set this machine's clock by NTP"),
    "QuotaExceeded": ("the bucket's quota is used up", "ask its operator for more"),
    "XMinioStorageFull": ("the server has no space left", "ask its operator to make room"),
    "507": ("the server has no space left", "ask its operator to make room"),
    "EntityTooLarge": ("the server takes no file of this size", "ask its operator for its limits"),
    "InvalidObjectState": ("an object lies in an archive class", "have it restored, then run again"),
    "BadDigest": (
        "the server refuses a file: its bytes no longer have the SHA-256 of the catalogue",
        "check the disk of its zone, put the file back from the zone's backup, then clear the task",
    ),
    "XAmzContentChecksumMismatch": (
        "the server refuses a file: its bytes no longer have the SHA-256 of the catalogue",
        "check the disk of its zone, put the file back from the zone's backup, then clear the task",
    ),
}

_S3_RETRY = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestTimeout", "RequestLimitExceeded"})


def code_of(error: ClientError) -> str:
    """The server's error code; for a reply without a body its HTTP status (``404``)."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    """The HTTP status of the reply."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def of_s3(conn_id: str, error: BotoCoreError | ClientError) -> CollecteError:
    """A reply of the server, or none."""
    if isinstance(error, ClientError):
        code = code_of(error)
        if code in _S3_RETRY or (status_of(error) >= 500 and code not in _S3_PERSON):
            return Retry(f"Connection {conn_id}: the server is busy ({code}).")
        what, remedy = _S3_PERSON.get(code, (f"the server answers {code}", "look the code up with its operator"))
        return NeedsPerson(f"Connection {conn_id}: {what}.", f"{remedy}.")
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return NeedsPerson(f"Connection {conn_id} holds no credentials.", "fill in login and password.")
    if isinstance(error, SSLError):
        return NeedsPerson(
            f"Connection {conn_id}: the server's certificate is not trusted.",
            "have its authority added to this machine, or correct endpoint_url.",
        )
    return Retry(f"Connection {conn_id}: the connection was lost ({type(error).__name__}).")
