"""Opening a drop, whatever it speaks."""

from contextlib import AbstractContextManager

from collecte.transport.connections import Endpoint
from collecte.transport.entries import Source
from collecte.transport.folder import open_folder
from collecte.transport.s3 import open_s3
from collecte.transport.sftp import open_sftp


def open_source(endpoint: Endpoint, path: str, connections: int = 1) -> AbstractContextManager[Source]:
    """Open a drop: ``path`` is a folder (SFTP, file) or ``bucket/prefix`` (S3).

    ``connections``: SFTP connections that this source may hold at once (the second and further only once it fetches).
    One is enough near by: files and blocks are in flight on it. Those of several sources add up to what the centre
    allows. S3 has eight requests at once.

    Raises:
        NeedsPerson: something must be put right first: a key, a permission, a path.
        Retry: the server cannot be reached for now.
    """
    if endpoint.conn_type == "sftp":
        return open_sftp(endpoint, path, connections)
    if endpoint.conn_type == "aws":
        return open_s3(endpoint, path)
    return open_folder(endpoint, path)
