"""What an output says of itself: who it is about now, how it was de-identified, and its file meta information."""

from collections.abc import Iterable
from functools import lru_cache
from types import MappingProxyType

from collecte.challenge import DicomOption
from collecte.formats.dicom._codes import coded_item
from collecte.formats.dicom._elements import EXPLICIT_LITTLE, Encoding, write_element, write_item

#: CID 7050 (PS3.16): the profile, and its options by their names in the challenge.
_PROFILE = ("113100", "Basic Application Confidentiality Profile")
METHODS: MappingProxyType[DicomOption, tuple[str, str]] = MappingProxyType(
    {
        "clean_pixel_data": ("113101", "Clean Pixel Data Option"),
        "clean_recognizable_visual_features": ("113102", "Clean Recognizable Visual Features Option"),
        "clean_graphics": ("113103", "Clean Graphics Option"),
        "clean_structured_content": ("113104", "Clean Structured Content Option"),
        "clean_descriptors": ("113105", "Clean Descriptors Option"),
        "retain_longitudinal_full_dates": ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
        "retain_longitudinal_modified_dates": (
            "113107",
            "Retain Longitudinal Temporal Information Modified Dates Option",
        ),
        "retain_patient_characteristics": ("113108", "Retain Patient Characteristics Option"),
        "retain_device_identity": ("113109", "Retain Device Identity Option"),
        "retain_uids": ("113110", "Retain UIDs Option"),
        "retain_safe_private": ("113111", "Retain Safe Private Option"),
        "retain_institution_identity": ("113112", "Retain Institution Identity Option"),
    }
)
#: Options that bear on one family of objects alone.
_FAMILIES = {"clean_structured_content": "document", "clean_graphics": "presentation"}
#: Done where the pixels are looked at, and stamped there.
_OF_PIXELS = ("clean_pixel_data", "clean_recognizable_visual_features")
CLEAN_PIXEL_DATA = METHODS["clean_pixel_data"]


def stamps(
    subject: str, options: tuple[DicomOption, ...], family: str, encoding: Encoding, *, utf8: bool
) -> dict[int, bytes]:
    """Who the object is about, and how it was de-identified (PS3.15, E.1.1; PS3.3, C.12.1.1.2), by tag.

    Args:
        subject: the pseudonym.
        options: of the challenge; those that do not bear on the family are left out.
        family: of the SOP class.
        encoding: of the output.
        utf8: whether text of the output may be more than ASCII.
    """
    name = subject.encode("ascii")
    who = {tag: write_element(tag, vr, name, encoding) for tag, vr in ((0x00100010, "PN"), (0x00100020, "LO"))}
    return who | _what_was_done(options, family, encoding, utf8)


@lru_cache(maxsize=64)
def _what_was_done(
    options: tuple[DicomOption, ...], family: str, encoding: Encoding, utf8: bool
) -> MappingProxyType[int, bytes]:
    applied = [o for o in options if o not in _OF_PIXELS and _FAMILIES.get(o, family) == family]
    methods = sorted((_PROFILE, *(METHODS[option] for option in applied)))
    items = b"".join(write_item(coded_item(code, "DCM", meaning, encoding), encoding) for code, meaning in methods)
    values = [
        (0x00120062, "CS", b"YES"),
        (0x00120063, "LO", b"Collecte: DICOM PS3.15 2026c, table E.1-1; deny by default"),
        (0x00120064, "SQ", items),
        (0x00280303, "CS", _temporal(options)),
    ]
    if utf8:
        values.append((0x00080005, "CS", b"ISO_IR 192"))
    return MappingProxyType({tag: write_element(tag, vr, value, encoding) for tag, vr, value in values})


def _temporal(options: Iterable[DicomOption]) -> bytes:
    if "retain_longitudinal_full_dates" in options:
        return b"UNMODIFIED"
    return b"MODIFIED" if "retain_longitudinal_modified_dates" in options else b"REMOVED"


_IMPLEMENTATION_UID = b"2.25.140500063391440840811392320898136073198"
_IMPLEMENTATION_NAME = b"COLLECTE"


def file_meta(sop_class: str, instance: str, transfer_syntax: str) -> bytes:
    """Preamble of zeros, prefix, and a file meta information of standard elements alone (PS3.10, 7.1)."""
    before, after = _around_instance(sop_class, transfer_syntax)
    group = before + write_element(0x00020003, "UI", instance.encode("ascii"), EXPLICIT_LITTLE) + after
    length = write_element(0x00020000, "UL", len(group).to_bytes(4, "little"), EXPLICIT_LITTLE)
    return b"\0" * 128 + b"DICM" + length + group


@lru_cache(maxsize=64)
def _around_instance(sop_class: str, transfer_syntax: str) -> tuple[bytes, bytes]:
    """The elements before and behind the one in which the files of a series differ."""
    before = ((0x00020001, "OB", b"\0\1"), (0x00020002, "UI", sop_class.encode("ascii")))
    after = (
        (0x00020010, "UI", transfer_syntax.encode("ascii")),
        (0x00020012, "UI", _IMPLEMENTATION_UID),
        (0x00020013, "SH", _IMPLEMENTATION_NAME),
    )
    written = [[write_element(tag, vr, value, EXPLICIT_LITTLE) for tag, vr, value in part] for part in (before, after)]
    return b"".join(written[0]), b"".join(written[1])
