"""Curated → release, release → vault: who stays together, who is in which part, the frozen tree, its certificate.

:mod:`~collecte.release.verify` and :mod:`~collecte.release.crossing` read a release anew and may not import what shares
it out.
"""

from collecte.release.certificate import certificate, page
from collecte.release.crossing import Describe, Reread, reread
from collecte.release.diff import diff
from collecte.release.freeze import Copy, Source, Tables, add_document, seal_tree, write_tree
from collecte.release.groups import groups
from collecte.release.ids import release_name
from collecte.release.scratch import Scratch, Written, scratch
from collecte.release.split import Member, Shared, share_out
from collecte.release.vault import (
    PARTS,
    Assigned,
    Part,
    ensure_secret,
    read_assignment,
    reseal,
    seed_of,
    write_assignment,
    write_labels,
)
from collecte.release.verify import verify

__all__ = [
    "PARTS",
    "Assigned",
    "Copy",
    "Describe",
    "Member",
    "Part",
    "Reread",
    "Scratch",
    "Shared",
    "Source",
    "Tables",
    "Written",
    "add_document",
    "certificate",
    "diff",
    "ensure_secret",
    "groups",
    "page",
    "read_assignment",
    "release_name",
    "reread",
    "reseal",
    "scratch",
    "seal_tree",
    "seed_of",
    "share_out",
    "verify",
    "write_assignment",
    "write_labels",
    "write_tree",
]
