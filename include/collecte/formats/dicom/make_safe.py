"""Make it safe: PS3.15, Basic Profile with the challenge's options, deny by default, at every depth."""

import hashlib
import os
from collections import Counter
from pathlib import Path

from collecte.errors import Bug
from collecte.formats import Context
from collecte.formats.dicom._judge import (
    PATIENT_ID,
    PATIENT_NAME,
    SOP_CLASS_UID,
    Identity,
    identity,
    refusals,
    rules_of,
)
from collecte.formats.dicom._part10 import Dicom, opened_dicom
from collecte.formats.dicom._pixels import splice
from collecte.formats.dicom._rewrite import Plan, file_meta, header
from collecte.formats.dicom._rules import rules_for
from collecte.formats.dicom._source import Sink
from collecte.formats.dicom._tables import sop_classes
from collecte.formats.dicom._wall import Refusal
from collecte.records import Safe


def make_safe(source: Path, target: Path, name: str, context: Context) -> Safe:
    """Write a safe copy of one DICOM file to ``target``: complete and flushed, or not there at all.

    The header is written anew from the rules; the pixel data pass through; what follows them is left out. The same
    input and keys give the same bytes.

    Raises:
        Bug: the file is not the one that ``name`` was made for, or the challenge does not collect DICOM.
        OSError: a file cannot be read or written.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        with opened_dicom(source) as dicom:
            who = identity(dicom, context)
            if found := refusals(dicom, who, rules_of(context)):
                return Safe(sha256="", size=0, findings=found)
            if name != who.name:
                raise Bug("A DICOM file is not the one that its output's name was made for.")
            safe = _written(dicom, who, part, context)
    except Refusal as refusal:
        return Safe(sha256="", size=0, findings=(refusal.finding,))
    else:
        part.replace(target)
        return safe
    finally:
        part.unlink(missing_ok=True)


def _written(dicom: Dicom, who: Identity, part: Path, context: Context) -> Safe:
    """The safe copy in ``part``, flushed."""
    digest = hashlib.sha256()
    counts: Counter[str] = Counter()
    with part.open("wb", buffering=0) as file:

        def sink(data: bytes) -> None:
            digest.update(data)
            view = memoryview(data)
            while view:
                view = view[file.write(view) or 0 :]

        _compose(dicom, who, context, counts, sink)
        size = file.tell()
        if context.durable:
            os.fsync(file.fileno())
    return Safe(sha256=digest.hexdigest(), size=size, actions=dict(counts))


def _compose(dicom: Dicom, who: Identity, context: Context, counts: Counter[str], sink: Sink) -> None:
    options = rules_of(context).options
    sop_class = dicom.word(SOP_CLASS_UID)
    subject = who.subject
    if subject is None or dicom.header.pixels is None:
        raise Bug("A DICOM file without subject or pixels was let through.")
    plan = Plan(
        data=dicom.data,
        encoding=dicom.output_encoding,
        rules=rules_for(options, sop_classes()[sop_class]),
        pseudonyms=context.pseudonyms,
        subject=subject,
        shift=context.pseudonyms.shift(subject),
        named=frozenset(dicom.raw(tag).strip(b"\0 ") for tag in (PATIENT_ID, PATIENT_NAME)),
        counts=counts,
    )
    safe_header = header(plan, dicom.header.elements.values(), dicom.encoding, options)
    sink(file_meta(sop_class, who.instance, dicom.transfer_syntax) + safe_header)
    splice(dicom, dicom.header.pixels, sink)
