"""Drop → landing: what is a delivery, when is it complete, what does its manifest say, what comes out of an archive,
what takes the place of what.

Pure logic: :mod:`collecte.transport` lists and reads, :mod:`collecte.catalogue` remembers, ``steps`` compose. It
covers drops that hold files by folder, manifests of the usual tools, and zip and tar archives; it refuses links,
devices, tricks with paths, encrypted or damaged archives and those that grow beyond the challenge's limits.
"""

from collecte.receive.complete import (
    Complete,
    Waiting,
    administrative,
    completeness,
    half_uploaded,
    markers,
    unchanged_since,
)
from collecte.receive.corrections import Candidate, Correction, contested, corrections
from collecte.receive.drop import Deposit, Entry, Refusal, deliveries, listing_digest
from collecte.receive.duplicates import SameBytes, same_bytes
from collecte.receive.manifest import Expected, Manifest, find_manifests, is_manifest, parse_manifest
from collecte.receive.reconcile import Reconciled, reconcile, replaced_paths, verify_digest
from collecte.receive.refusals import (
    after_release,
    changed_while_read,
    empty,
    kind_not_allowed,
    not_unpacked,
    object_held_back,
    of_two_subjects,
    type_unknown,
    unreadable,
    vanished,
)
from collecte.receive.unpack import Member, Unpacked, archive_kind, counted_by, unpack

__all__ = [
    "Candidate",
    "Complete",
    "Correction",
    "Deposit",
    "Entry",
    "Expected",
    "Manifest",
    "Member",
    "Reconciled",
    "Refusal",
    "SameBytes",
    "Unpacked",
    "Waiting",
    "administrative",
    "after_release",
    "archive_kind",
    "changed_while_read",
    "completeness",
    "contested",
    "corrections",
    "counted_by",
    "deliveries",
    "empty",
    "find_manifests",
    "half_uploaded",
    "is_manifest",
    "kind_not_allowed",
    "listing_digest",
    "markers",
    "not_unpacked",
    "object_held_back",
    "of_two_subjects",
    "parse_manifest",
    "reconcile",
    "replaced_paths",
    "same_bytes",
    "type_unknown",
    "unchanged_since",
    "unpack",
    "unreadable",
    "vanished",
    "verify_digest",
]
