"""Transport: the one place that speaks a protocol. Drops and destinations by SFTP, S3 or folder.

A drop is opened with :func:`open_source`, a destination with :func:`open_destination`, each on an :class:`Endpoint`
that :func:`load_endpoint` finds as Airflow finds its connections. What goes wrong is raised by what happens next: Retry
for a lost connection, NeedsPerson (with the connection's id and the remedy) for a key, a permission, a full disk.

Refused here, whatever the server offers: a server whose key is not pinned; symbolic links; devices and pipes; paths
that lead out of the drop; a file that ends before its size; a file that changes while it is read.
"""

from collecte.transport.connections import Endpoint, endpoint_from_json, load_endpoint
from collecte.transport.destination import open_destination
from collecte.transport.entries import Entry, Fetched, Source, Want
from collecte.transport.items import Destination, Item, Proof, Removed, Stored
from collecte.transport.parts import carry_over
from collecte.transport.source import open_source

__all__ = [
    "Destination",
    "Endpoint",
    "Entry",
    "Fetched",
    "Item",
    "Proof",
    "Removed",
    "Source",
    "Stored",
    "Want",
    "carry_over",
    "endpoint_from_json",
    "load_endpoint",
    "open_destination",
    "open_source",
]
