"""A safe copy under other ids: pseudonym, UIDs and references of ours replaced at every depth; all else as it stands.

What is read here was written by :mod:`~collecte.formats.dicom.make_safe`: nothing in it identifies, and nothing is
judged again. The pixel data pass through, bit by bit.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from collecte.errors import NeedsPerson
from collecte.formats import Rekeyer
from collecte.formats.dicom._elements import Element, Encoding, items_of, vr_of, write_element, write_item
from collecte.formats.dicom._identity import PATIENT_ID, PATIENT_NAME, SOP_CLASS_UID, SOP_INSTANCE_UID
from collecte.formats.dicom._part10 import Dicom, opened_dicom
from collecte.formats.dicom._pixels import splice
from collecte.formats.dicom._source import Sink
from collecte.formats.dicom._stamps import file_meta
from collecte.formats.dicom._tables import by_tag
from collecte.formats.dicom._uids import is_public_uid
from collecte.formats.dicom._wall import Refusal
from collecte.records import Safe

#: PatientSex, PatientAge, PatientSize, PatientWeight.
_CHARACTERISTICS = frozenset({0x00100040, 0x00101010, 0x00101020, 0x00101030})


def rekey(source: Path, target: Path, rekeyer: Rekeyer) -> Safe:
    """Write ``source``, a safe copy, under other ids to ``target``: complete and flushed, or not there at all.

    Raises:
        NeedsPerson: it is no safe copy that can be read.
        OSError: a file cannot be read or written.
    """
    part = target.with_name(f"{target.name}.part")
    digest = hashlib.sha256()
    try:
        with opened_dicom(source) as dicom, part.open("wb", buffering=0) as file:

            def sink(data: bytes | memoryview) -> None:
                digest.update(data)
                view = memoryview(data)
                while view:
                    view = view[file.write(view) or 0 :]

            counts = _compose(dicom, rekeyer, sink)
            os.fsync(file.fileno())
            size = file.tell()
        part.replace(target)
    except Refusal as refusal:
        raise NeedsPerson(
            f"A safe copy cannot be read as DICOM any more ({refusal.finding.code}).",
            "check the disk it lies on, and put it back from the backup.",
        ) from None
    finally:
        part.unlink(missing_ok=True)
    return Safe(digest.hexdigest(), size, actions=dict(counts))


def _compose(dicom: Dicom, rekeyer: Rekeyer, sink: Sink) -> Counter[str]:
    counts: Counter[str] = Counter()
    header = _rekeyed(dicom.data, dicom.header.elements.values(), dicom.encoding, rekeyer, counts)
    instance = _uids(rekeyer, dicom.raw(SOP_INSTANCE_UID)).decode("ascii")
    sink(file_meta(dicom.word(SOP_CLASS_UID), instance, dicom.transfer_syntax) + header)
    splice(dicom, sink)
    return counts


def _rekeyed(
    data: bytes, elements: Iterable[Element], encoding: Encoding, rekeyer: Rekeyer, counts: Counter[str]
) -> bytes:
    return b"".join(_element(data, element, encoding, rekeyer, counts) for element in elements)


def _element(data: bytes, element: Element, encoding: Encoding, rekeyer: Rekeyer, counts: Counter[str]) -> bytes:
    if (found := items_of(data, element, encoding)) is not None:
        items = (_rekeyed(data, item.elements, item.encoding, rekeyer, counts) for item in found)
        return write_element(element.tag, "SQ", b"".join(write_item(item, encoding) for item in items), encoding)
    vr = element.vr or vr_of(element.tag)
    if element.tag in _CHARACTERISTICS and not rekeyer.characteristics:
        return write_element(element.tag, vr, b"", encoding)
    raw = data[element.value : element.end]
    value = raw
    if vr == "UI":
        value = _uids(rekeyer, raw)
    elif element.tag in (PATIENT_ID, PATIENT_NAME):
        value = _text(rekeyer.subject, raw)
    elif by_tag("ours").get(element.tag, {}).get("action") == "reference":
        value = _text(rekeyer.reference, raw)
    if value == raw.strip(b"\0 ") or value == raw:
        return data[element.start : element.end]
    counts["replaced"] += 1
    return write_element(element.tag, vr, value, encoding)


def _text(replace: Callable[[str], str], raw: bytes) -> bytes:
    text = raw.strip(b"\0 ").decode("ascii")
    return replace(text).encode("ascii") if text else b""


def _uids(rekeyer: Rekeyer, raw: bytes) -> bytes:
    """UIDs, each of ours replaced; the standard's own stay."""
    uids = raw.strip(b"\0 ").decode("ascii").split("\\")
    return "\\".join(uid if not uid or is_public_uid(uid) else rekeyer.uid(uid) for uid in uids).encode()
