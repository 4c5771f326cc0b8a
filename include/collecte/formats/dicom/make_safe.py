"""Make it safe: PS3.15, Basic Profile with the challenge's options, deny by default, at every depth."""

import hashlib
import os
from collections import Counter
from functools import lru_cache
from pathlib import Path

from collecte.challenge import DicomRules
from collecte.errors import Bug
from collecte.formats import Context
from collecte.formats.dicom._elements import Encoding
from collecte.formats.dicom._header import header
from collecte.formats.dicom._identity import (
    PATIENT_ID,
    PATIENT_NAME,
    SOP_CLASS_UID,
    SPECIFIC_CHARACTER_SET,
    Identity,
    days_of,
    identity,
    numbers_of,
    rules_of,
)
from collecte.formats.dicom._judge import look_of, refusals
from collecte.formats.dicom._part10 import Dicom, opened_dicom
from collecte.formats.dicom._pixels import splice
from collecte.formats.dicom._rewrite import Passage, Plan
from collecte.formats.dicom._rules import rules_for
from collecte.formats.dicom._source import Sink
from collecte.formats.dicom._stamps import file_meta, stamps
from collecte.formats.dicom._tables import SopClass, sop_classes
from collecte.formats.dicom._text import charsets
from collecte.formats.dicom._wall import Refusal
from collecte.pseudonym import Pseudonymiser
from collecte.records import Safe

_PIXEL_REPRESENTATION = 0x00280103


def make_safe(source: Path, target: Path, name: str, context: Context) -> Safe:
    """Write a safe copy of one DICOM file to ``target``: complete and flushed, or not there at all.

    The header is written anew from the rules; the pixel data pass through; what follows them is left out. The source is
    hashed in the same pass. The same input and keys give the same bytes.

    Raises:
        Bug: the file is not the one that ``name`` was made for, or the challenge does not collect DICOM.
        OSError: a file cannot be read or written.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        safe = _made(source, part, name, context)
    except Refusal as refusal:
        safe = Safe(sha256="", size=0, findings=(refusal.finding,))
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if safe.sha256:
        part.replace(target)
    else:
        part.unlink(missing_ok=True)
    return safe


def _made(source: Path, part: Path, name: str, context: Context) -> Safe:
    """The safe copy in ``part``, which may be left there where there is none."""
    with opened_dicom(source, hashed=True) as dicom:
        who = identity(dicom, context)
        if found := refusals(dicom, who, rules_of(context)):
            return Safe(sha256="", size=0, findings=found)
        if name != who.name:
            dicom.read_all()  # a file that cannot be read to its end has no name
            raise Bug("A DICOM file is not the one that its output's name was made for.")
        return _written(dicom, who, part, context)


def _written(dicom: Dicom, who: Identity, part: Path, context: Context) -> Safe:
    """The safe copy in ``part``, flushed."""
    digest = hashlib.sha256()
    with part.open("wb", buffering=0) as file:

        def sink(data: bytes | memoryview) -> None:
            digest.update(data)
            written = file.write(data) or 0
            while written < len(data):  # one raw write may take less
                written += file.write(memoryview(data)[written:]) or 0

        counts = _compose(dicom, who, context, sink)
        size = file.tell()
        if context.durable:
            os.fsync(file.fileno())
    return Safe(digest.hexdigest(), size, (), counts, dicom.sha256(), look_of(dicom))


def _compose(dicom: Dicom, who: Identity, context: Context, sink: Sink) -> Counter[str]:
    sop_class = sop_classes()[dicom.word(SOP_CLASS_UID)]
    plan, stamped = plan_of(dicom, who, context)
    passage = Passage(plan, dicom.data)
    safe_header = header(passage, dicom.header, dicom.encoding, stamped)
    sink(file_meta(sop_class.uid, who.says, dicom.transfer_syntax) + safe_header)
    splice(dicom, sink)
    return passage.counts


def plan_of(dicom: Dicom, who: Identity, context: Context) -> tuple[Plan, dict[int, bytes]]:
    """The plan for a file, and what is stamped into its copy.

    Raises:
        Bug: the file names no patient.
    """
    if who.subject is None:
        raise Bug("A DICOM file without subject was let through.")
    plan, stamped = _plan(
        rules_of(context),
        context.withheld,
        sop_classes()[dicom.word(SOP_CLASS_UID)],
        context.pseudonyms,
        who.subject,
        frozenset(dicom.raw(tag).strip(b"\0 ") for tag in (PATIENT_ID, PATIENT_NAME)),
        numbers_of(dicom),
        days_of(dicom, rules_of(context)),
        charsets(dicom.raw(SPECIFIC_CHARACTER_SET)),
        dicom.output_encoding,
        dicom.number(_PIXEL_REPRESENTATION) == 1,
    )
    return plan, (stamped | who.stamps(dicom.output_encoding) if who.uids else stamped)


@lru_cache(maxsize=8)  # the files of a series come one after the other
def _plan(
    rules: DicomRules,
    withheld: frozenset[int],
    sop_class: SopClass,
    pseudonyms: Pseudonymiser,
    subject: str,
    named: frozenset[bytes],
    numbers: frozenset[bytes],
    days: frozenset[str],
    declared: tuple[str, ...],
    encoding: Encoding,
    signed: bool,
) -> tuple[Plan, dict[int, bytes]]:
    made = rules_for(rules.options, rules.attributes, sop_class, withheld)
    plan = Plan(made, pseudonyms, subject, named, numbers, days, declared, encoding, signed)
    return plan, stamps(subject, rules.options, sop_class.family, encoding, utf8=bool(declared))
