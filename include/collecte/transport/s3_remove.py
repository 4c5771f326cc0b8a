"""Removing an object of S3 for good: every version of it and every delete marker. A locked one is counted, and hidden.

A version under object lock (retention, legal hold) cannot be removed by anybody who has no right to bypass it, and we
never try to: it stays until its lock ends, behind a delete marker, so that no reader of the bucket sees it any more.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from collecte.transport.errors import code_of, status_of
from collecte.transport.items import Removed, still_there
from collecte.transport.s3 import is_missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_DENIED = frozenset({"403", "AccessDenied"})


def remove_object(client: "S3Client", bucket: str, name: str, key: str) -> Removed:
    """Remove the object called ``name`` of a bucket; the result, under ``key``, once it was looked for again.

    Raises:
        NeedsPerson: it is still there.
        ClientError: the server refuses, for another reason than a lock.
    """
    listed = list(_versions(client, bucket, name))
    locked = [version for version, _ in listed if not _delete(client, bucket, name, version)]
    if _is_there(client, bucket, name):  # a bucket that lists no versions; or a locked one, to be hidden by a marker
        client.delete_object(Bucket=bucket, Key=name)
        if not listed:
            listed = [("null", False)]
    left = [version for version, is_marker in _versions(client, bucket, name) if not is_marker]
    if _is_there(client, bucket, name) or set(left) - set(locked):
        raise still_there(key)
    return Removed(key, len(listed) - len(locked), len(locked))


def _versions(client: "S3Client", bucket: str, name: str) -> Iterator[tuple[str, bool]]:
    """(version id, whether it is a delete marker) of exactly this object; others whose names go on are listed too."""
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=name):
        for version in page.get("Versions", []):
            if version["Key"] == name:
                yield version["VersionId"], False
        for marker in page.get("DeleteMarkers", []):
            if marker["Key"] == name:
                yield marker["VersionId"], True


def _delete(client: "S3Client", bucket: str, name: str, version: str) -> bool:
    """Delete one version; False where a lock keeps it."""
    try:
        client.delete_object(Bucket=bucket, Key=name, VersionId=version)
    except ClientError as error:
        if code_of(error) in _DENIED and _is_locked(client, bucket, name, version):
            return False
        raise
    return True


def _is_locked(client: "S3Client", bucket: str, name: str, version: str) -> bool:
    """Whether a retention or a legal hold lies on a version. A server without locks answers with an error: none."""
    try:
        retention = client.get_object_retention(Bucket=bucket, Key=name, VersionId=version)
        until = retention.get("Retention", {}).get("RetainUntilDate")
        if until is not None and until > datetime.now(UTC):
            return True
    except ClientError as error:
        if status_of(error) >= 500:
            raise
    try:
        hold = client.get_object_legal_hold(Bucket=bucket, Key=name, VersionId=version)
    except ClientError as error:
        if status_of(error) >= 500:
            raise
        return False
    return hold.get("LegalHold", {}).get("Status") == "ON"


def _is_there(client: "S3Client", bucket: str, name: str) -> bool:
    try:
        client.head_object(Bucket=bucket, Key=name)
    except ClientError as error:
        if is_missing(error) or status_of(error) == 405:  # 405: AWS, of a delete marker
            return False
        raise
    return True
