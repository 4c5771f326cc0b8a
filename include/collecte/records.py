"""The records that pass between rooms: frozen, typed, and the same words as in the catalogue and the reports."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from collecte.findings import Finding


class State(StrEnum):
    """Where a file of a delivery stands. A file is in exactly one of them, always."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    EXPIRED = "expired"
    RECALLED = "recalled"


class IdentifierKind(StrEnum):
    """What an identifier is; the residual scan looks for each kind in its own way."""

    NAME = "name"
    ID = "id"
    BIRTH_DATE = "birth_date"
    ADDRESS = "address"
    PHONE = "phone"
    EMAIL = "email"
    NIR = "nir"
    PATH = "path"


@dataclass(frozen=True)
class Identifier:
    """Something that identifies a patient, as it stood in a delivery. IDENTIFYING: lives in landing, or sealed.

    ``value`` is text as found (``DUPONT^Jean``, ``19560412`` for a birth date, always YYYYMMDD); ``subject`` the
    pseudonym of the patient it belongs to (needed for birth dates, which are looked for in their own subject's files
    only), or None.
    """

    kind: IdentifierKind
    value: str
    subject: str | None = None

    def __repr__(self) -> str:
        return f"Identifier({self.kind}, …)"


@dataclass(frozen=True)
class PatientRef:
    """A patient as a centre names them: identifier and issuer (None: the centre's default). IDENTIFYING."""

    identifier: str
    issuer: str | None = None

    def __repr__(self) -> str:
        return "PatientRef(…)"


class Look(StrEnum):
    """Whether text may stand in an output's pixels: look at each, at a sample, or there are none to look at.

    ``declared``: the source says of itself that there is text; an output in which none is found is held back.
    """

    DECLARED = "declared"
    ALWAYS = "always"
    SAMPLE = "sample"
    NEVER = "never"


@dataclass(frozen=True)
class Harvest:
    """What one file says of itself before it is made safe. IDENTIFYING: all but ``name``, ``subjects``, ``findings``.

    ``subjects``: pseudonyms. ``object_key`` groups files into one object (a SeriesInstanceUID); ``logical_id`` tells
    that a later file is a correction of this one (a SOPInstanceUID); None where the kind has none. ``name`` is the
    output's relative POSIX path, without anything identifying and a function of the input and the keys alone. With a
    refusing finding, ``name`` may be empty. ``identifiers`` may be read from the file each time they are taken.
    ``look``: whether text may stand in its pixels.
    """

    name: str
    subjects: tuple[str, ...] = ()
    identifiers: Set[Identifier] = frozenset()
    object_key: str | None = None
    logical_id: str | None = None
    findings: tuple[Finding, ...] = ()
    look: Look = Look.NEVER

    def __repr__(self) -> str:
        return f"Harvest({self.name!r}, …)"


class Box(NamedTuple):
    """A rectangle of an image, in pixels; ``right`` and ``bottom`` are the first that do not belong to it."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Safe:
    """What making a file safe gave: SHA-256 (hex) and size (bytes) of the output, hashed as it was written; findings;
    ``actions`` counts what was done (``removed``, ``replaced``, ``shifted``…). Where a finding refuses, there is no
    output and ``sha256`` is empty. ``sha256_in``: of the source, where it was read to its end in the same pass, else
    empty. ``look``: whether text may stand in its pixels.
    """

    sha256: str
    size: int
    findings: tuple[Finding, ...] = ()
    actions: Mapping[str, int] = field(default_factory=dict)
    sha256_in: str = ""
    look: Look = Look.NEVER


Fact = str | int | float | bool | None
