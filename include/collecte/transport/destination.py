"""Opening a destination, whatever it speaks."""

from contextlib import AbstractContextManager

from collecte.transport.connections import Endpoint
from collecte.transport.folder_destination import open_folder_destination
from collecte.transport.items import Destination
from collecte.transport.s3_destination import open_s3_destination
from collecte.transport.sftp_destination import open_sftp_destination


def open_destination(endpoint: Endpoint, path: str) -> AbstractContextManager[Destination]:
    """Open a destination: ``path`` is ``bucket/prefix`` (S3) or a folder (SFTP, file).

    Raises:
        NeedsPerson: something must be put right first: a key, a permission, a path, a connection of another type.
        Retry: the server cannot be reached for now.
    """
    if endpoint.conn_type == "aws":
        return open_s3_destination(endpoint, path)
    if endpoint.conn_type == "sftp":
        return open_sftp_destination(endpoint, path)
    return open_folder_destination(endpoint, path)
