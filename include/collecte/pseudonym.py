"""Keyed replacements: subjects, UIDs, references and date shifts. One key and one input always give one output.

Everything here is a function of the challenge's keys, so that the same patient of the same centre has one pseudonym in
images and in tables, in every delivery, and so that nobody without the keys can go back.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Literal

from collecte.keys import Keys, keyed_digest
from collecte.records import PatientRef

#: Identifiers that name nobody: typed to fill the field. They make no subject.
PLACEHOLDERS = frozenset(
    # A paragraph reads better than forty words in quotes.
    "ANON ANONYM ANONYMOUS ANONYME ANONYMIZED ANONYMISED ANONYMISE UNKNOWN INCONNU INCONNUE NONE NULL NA NAN NIL "  # noqa: SIM905
    "NO PATIENT PATIENTID ID UNDEFINED UNSPECIFIED EMPTY VIDE NOID NOPATIENTID DEFAULT DUMMY TEST ND NR NC "
    "NONRENSEIGNE NONRENSEIGNEE NONCOMMUNIQUE NONDISPONIBLE SANSIPP SANSNUMERO ABSENT MISSING".split()
)
_FILLER = re.compile(r"0+|X+|9{4,}")  # 0, 00000, XXXX, 99999999
#: Dates that programs write where they have none: before and after these years, first and last days of their clocks.
#: Everybody knows them: moved, they would tell how far the patient's others were.
BELIEVABLE_YEARS = range(1910, 2060)
_ODD_DAYS = frozenset(((1969, 12, 31), (1970, 1, 1), (1980, 1, 1), (2000, 1, 1), (2038, 1, 19)))
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def normalise_identifier(text: str) -> str:
    """An identifier as it is compared: NFKC, upper case, no spaces, nothing unseen (controls, byte-order mark), and any
    dash as a hyphen. Punctuation stays: 1-23 and 123 may be two people, a hyphen may part a number from its visit.
    """
    folded = unicodedata.normalize("NFKC", text).upper()
    if folded.isascii() and folded.isprintable():
        return folded.replace(" ", "")
    seen = (c for c in folded if not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf"))
    dashed = "".join("-" if c == "\N{MINUS SIGN}" or unicodedata.category(c) == "Pd" else c for c in seen)
    return unicodedata.normalize("NFKC", dashed)  # what a space held apart may be composed now


def without_padding(identifier: str) -> str:
    """A normalised identifier without leading zeros, where it is digits alone: spreadsheets and integer columns drop
    them from numbers, and from nothing else (``P0012``, ``00-12`` stay). Zeros alone stay, to be a placeholder.
    """
    if identifier[:1] != "0" or not (identifier.isascii() and identifier.isdigit()):
        return identifier
    return identifier.lstrip("0") or identifier


def is_placeholder(identifier: str) -> bool:
    """Whether an identifier is empty or typed only to fill its field (``ANON``, ``0``)."""
    plain = unicodedata.normalize("NFKD", normalise_identifier(identifier))
    stripped = re.sub(r"[\W_]", "", plain)  # \W: punctuation, and the accents that NFKD has split off
    return not stripped or stripped in PLACEHOLDERS or bool(_FILLER.fullmatch(stripped))


def is_placeholder_day(day: date) -> bool:
    """Whether a day is one that programs write where they have none."""
    return day.year not in BELIEVABLE_YEARS or (day.year, day.month, day.day) in _ODD_DAYS


@dataclass(frozen=True)
class Pseudonymiser:
    """The replacements of one centre of one challenge. ``issuer``: the centre's default issuer of patient identifiers;
    dates move back by 1 to ``max_shift_days`` days. ``aliases``: pairs of another name of an issuer and the issuer;
    ``leading_zeros``: whether those of an identifier of digits alone count.
    """

    keys: Keys = field(repr=False)
    centre: str
    issuer: str
    max_shift_days: int = 365
    aliases: tuple[tuple[str, str], ...] = ()
    leading_zeros: Literal["ignored", "kept"] = "ignored"

    def subject(self, patient: PatientRef) -> str | None:
        """``sub-`` and 16 characters (80 bits) of base32, or None where the identifier is a placeholder. Every writing
        of one identifier gives the same: see :func:`normalise_identifier` and :func:`without_padding`.
        """
        identifier = normalise_identifier(patient.identifier)
        if self.leading_zeros == "ignored":
            identifier = without_padding(identifier)
        if is_placeholder(identifier):
            return None
        issuer = normalise_identifier(patient.issuer or "") or normalise_identifier(self.issuer)
        return _subject(self._subject_key, self.centre, self._issuers.get(issuer, issuer), identifier)

    def uid(self, uid: str) -> str:
        """The replacement of one DICOM UID, the same wherever in the challenge it stands (PS3.5, B.2: ``2.25.``)."""
        return _uid(self._uid_key, uid.strip("\0 "))

    def reference(self, purpose: str, value: str) -> str:
        """The replacement of an accession number or another short code: 16 characters, fit for VR SH."""
        return _base32(keyed_digest(self._reference_key, purpose, self.centre, normalise_identifier(value)), 16).upper()

    def shift(self, subject: str) -> timedelta:
        """How far this subject's dates move: back, by at least a day, the same in every kind of data."""
        number = int.from_bytes(keyed_digest(self._shift_key, "date shift", subject)[:8], "big")
        return -timedelta(days=1 + number % self.max_shift_days)

    @cached_property
    def _issuers(self) -> dict[str, str]:
        return {normalise_identifier(alias): normalise_identifier(issuer) for alias, issuer in self.aliases}

    @cached_property
    def _subject_key(self) -> bytes:
        return self.keys.derive("pseudonym")

    @cached_property
    def _uid_key(self) -> bytes:
        return self.keys.derive("uid")

    @cached_property
    def _reference_key(self) -> bytes:
        return self.keys.derive("reference")

    @cached_property
    def _shift_key(self) -> bytes:
        return self.keys.derive("date shift")


@dataclass(frozen=True)
class ReleaseIds:
    """The ids of one release or Open Data package, keyed by its own secret: they lead to no pseudonym without it."""

    secret: bytes = field(repr=False)

    def case(self, subject: str) -> str:
        """``case-`` and 16 characters (80 bits) of base32, of a pseudonym."""
        return "case-" + _base32(keyed_digest(self.secret, "case", subject), 16)

    def uid(self, uid: str) -> str:
        """The replacement of a UID of ours (PS3.5, B.2)."""
        return _uid(self.secret, uid.strip("\0 "))

    def reference(self, value: str) -> str:
        """The replacement of an accession number of ours, fit for VR SH."""
        return _base32(keyed_digest(self.secret, "reference", value), 16).upper()

    def name(self, name: str) -> str:
        """A name for a file, of its name in the batch: 16 characters; the suffix is not part of it."""
        return _base32(keyed_digest(self.secret, "name", name), 16)


@lru_cache(maxsize=65536)
def _subject(key: bytes, centre: str, issuer: str, identifier: str) -> str:
    return "sub-" + _base32(keyed_digest(key, "subject", centre, issuer, identifier), 16)


@lru_cache(maxsize=65536)
def _uid(key: bytes, uid: str) -> str:
    raw = bytearray(keyed_digest(key, "uid", uid)[:16])
    # An RFC 9562 UUID of version 8 (custom), as the 2.25 root asks for a UUID.
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    return f"2.25.{int.from_bytes(raw, 'big')}"


def _base32(raw: bytes, length: int) -> str:
    number = int.from_bytes(raw[:16], "big")
    return "".join(_BASE32[number >> 5 * i & 31] for i in range(length))
