"""Croissant, DataCite, Frictionless, BagIt; publishers.

A package is a BagIt bag: ``data/files/<case>/…`` and ``data/tables/*.csv`` with the same rows as ``*.parquet`` are its
payload, the documents beside ``data/`` its tag files; ``SHA256SUMS`` covers all of it and is signed. A further metadata
standard is a file and a line in :mod:`~collecte.opendata.documents`, a further publisher one in
:mod:`~collecte.opendata.publishers`.
"""

from collecte.opendata.contents import Column, Contents, TableInfo
from collecte.opendata.licence import is_spdx
from collecte.opendata.package import complete
from collecte.opendata.publishers import PUBLISHERS, Publisher, publisher
from collecte.opendata.tables import write_table
from collecte.opendata.verify import verify

__all__ = [
    "PUBLISHERS",
    "Column",
    "Contents",
    "Publisher",
    "TableInfo",
    "complete",
    "is_spdx",
    "publisher",
    "verify",
    "write_table",
]
