"""The catalogue: the database that knows every file, where it is, what became of it, and why.

Open it with :func:`open_catalogue`. A step :func:`take`-s its shard, works, and ends in :meth:`Lease.finish`: one
transaction that holds all its writes, the files' moves through the state machine (:mod:`~collecte.catalogue.states`)
and one event of the audit chain. Names of the centre stand here sealed or as keyed digests, never in clear.
"""

from collecte.catalogue.audit import anchor, append, challenge_chain, delivery_chain, head
from collecte.catalogue.deliveries import (
    DeliveryRow,
    FindingRow,
    deliveries_of,
    delivery_by_label,
    ensure_centre,
    findings_of,
    folder_digest,
    identifiers_of,
    note_waiting,
    observe_waiting,
    open_folder,
    register_delivery,
    subjects_of,
    totals,
)
from collecte.catalogue.dump import canonical_dump
from collecte.catalogue.engine import Catalogue, open_catalogue, take_ids
from collecte.catalogue.erase import erase_files
from collecte.catalogue.files import (
    FileRow,
    FirstSeen,
    NewFile,
    files_like,
    files_of_delivery,
    first_with_sha256,
    known_files,
    member_digest,
    name_digest,
    open_path,
    path_digest,
)
from collecte.catalogue.moves import Moves, record
from collecte.catalogue.reseal import reseal
from collecte.catalogue.shards import (
    Lease,
    ShardName,
    ShardPlan,
    ShardRef,
    counts_of,
    cut,
    files_of_shard,
    plan,
    planned,
    take,
    take_again,
    whole,
)
from collecte.catalogue.shipments import ReceiptRow, ShipmentRow, close_shipment, ensure_shipment, receipts_of
from collecte.catalogue.states import Change, IllegalTransition
from collecte.catalogue.verify import Anchor, Broken, verify

__all__ = [
    "Anchor",
    "Broken",
    "Catalogue",
    "Change",
    "DeliveryRow",
    "FileRow",
    "FindingRow",
    "FirstSeen",
    "IllegalTransition",
    "Lease",
    "Moves",
    "NewFile",
    "ReceiptRow",
    "ShardName",
    "ShardPlan",
    "ShardRef",
    "ShipmentRow",
    "anchor",
    "append",
    "canonical_dump",
    "challenge_chain",
    "close_shipment",
    "counts_of",
    "cut",
    "deliveries_of",
    "delivery_by_label",
    "delivery_chain",
    "ensure_centre",
    "ensure_shipment",
    "erase_files",
    "files_like",
    "files_of_delivery",
    "files_of_shard",
    "findings_of",
    "first_with_sha256",
    "folder_digest",
    "head",
    "identifiers_of",
    "known_files",
    "member_digest",
    "name_digest",
    "note_waiting",
    "observe_waiting",
    "open_catalogue",
    "open_folder",
    "open_path",
    "path_digest",
    "plan",
    "planned",
    "receipts_of",
    "record",
    "register_delivery",
    "reseal",
    "subjects_of",
    "take",
    "take_again",
    "take_ids",
    "totals",
    "verify",
    "whole",
]
