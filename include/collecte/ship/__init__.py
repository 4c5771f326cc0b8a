"""Curated → HDH: what a batch looks like at its destination, and the documents that travel with it.

``<challenge>/<centre>/<delivery>/`` holds the safe copies under their pseudonymous names, then ``manifest.parquet`` and
``manifest.csv`` (a row for each file), and last ``SHA256SUMS`` over all of them: a batch without it is not complete.
"""

from collecte.ship.batch import MANIFEST_COLUMNS, BatchRow, documents, key_of

__all__ = ["MANIFEST_COLUMNS", "BatchRow", "documents", "key_of"]
