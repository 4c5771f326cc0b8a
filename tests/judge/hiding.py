"""The places where strings hide besides ordinary attributes; each function plants one kind of place."""

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag

from tests.judge.decoding import has_spare_bit, native
from tests.judge.edges import EDGES
from tests.judge.samples import code
from tests.judge.strings import Needle, words
from tests.judge.writing import put

if TYPE_CHECKING:
    from tests.judge.planting import Planter


def uid_needle(uid: str) -> Needle:
    return Needle(uid, "uid")


def _preamble(planter: "Planter") -> None:
    first, second = planter.strings.text("preamble"), planter.strings.short("preamble, end")
    planter.planted += [first, second]
    start = first.text.encode("latin-1", "replace")[:100]
    planter.layout.preamble = start.ljust(112, b"\0") + second.text.encode().ljust(16, b" ")


def _meta(planter: "Planter") -> None:
    meta = planter.sample.meta
    for tag in (0x00020016, 0x00020017, 0x00020018):
        planter.put(meta, tag, "AE", planter.strings.short(f"file meta {tag & 0xFFFF:04X}"))
    planter.put(meta, 0x00020013, "SH", planter.strings.short("ImplementationVersionName"))
    planter.put(meta, 0x00020012, "UI", planter.strings.uid("ImplementationClassUID"))
    planter.put(meta, 0x00020100, "UI", planter.strings.uid("PrivateInformationCreatorUID"))
    planter.put(meta, 0x00020102, "OB", planter.strings.text("PrivateInformation"))
    if planter.number % 3 == 1:
        planter.put(meta, 0x00020044, "LO", planter.strings.text("file meta element of no dictionary"))
    if planter.number % 2:
        planter.put(meta, 0x00020026, "UR", planter.strings.text("SourcePresentationAddress"))


def _person(planter: "Planter") -> None:
    """Attributes of the patient and of the visit, whose names every profile knows."""
    keywords = words("""
        OtherPatientIDs OtherPatientNames PatientAddress PatientTelephoneNumbers PatientMotherBirthName Occupation
        PatientComments AdditionalPatientHistory RequestingPhysician OperatorsName PerformingPhysicianName
        InstitutionAddress InstitutionalDepartmentName ImageComments DerivationDescription RetrieveAETitle
        ContrastBolusAgent RequestedProcedureDescription AdmissionID EthnicGroup MilitaryRank ProtocolName
        AcquisitionDeviceProcessingDescription PatientReligiousPreference
    """)
    data = planter.sample.data
    for keyword in keywords[planter.number % 2 :: 2]:
        if keyword not in data:
            tag = Tag(keyword)
            planter.put(data, tag, dictionary_VR(tag), planter.fitting(dictionary_VR(tag), keyword))


def _deep(planter: "Planter") -> None:
    """Sequences in sequences, six deep: text, names, codes of private schemes, private blocks, at each depth."""
    inside = planter.sample.data
    for depth in range(1, 7):
        tag, _, keyword = planter.turn.sequence(inside)
        item = Dataset()
        where = f"depth {depth} in {keyword}>"
        planter.add_public(item, where, 1, 1)
        if depth % 2:
            planter.put(item, 0x00091001, "LO", planter.strings.text(where + "private"))
            put(item, 0x00090010, "LO", b"ACME 1.1")
        inside.add_new(tag, "SQ", Items([item]))
        inside = item


def _in_present_sequences(planter: "Planter") -> None:
    """Attributes and private blocks inside sequences that the object has by right."""
    sequences = [element for element in planter.sample.data if _is_public_sequence(element)]
    for index, element in enumerate(sequences[:8]):
        item = element.value[0]
        where = f"inside {element.keyword}>"
        planter.add_public(item, where, 1, index % 2)
        if index % 3 == 0:
            planter.put(item, 0x00111001, "LT", planter.strings.text(where + "private"))
            put(item, 0x00110010, "LO", b"ACME 1.1")


def _is_public_sequence(element: Any) -> bool:
    return element.VR == "SQ" and not element.tag.is_private and bool(element.value)


def _codes(planter: "Planter") -> None:
    """Codes of schemes that nobody knows: value, scheme and meaning; and a known code's other meaning."""
    data = planter.sample.data
    private = Dataset()
    for tag, vr in ((0x00080100, "SH"), (0x00080102, "SH"), (0x00080104, "LO"), (0x00080103, "SH")):
        planter.put(private, tag, vr, planter.fitting(vr, f"private code {tag & 0xFFFF:04X}"))
    known = code("T-D1100", "SRT", "Head")
    planter.put(known, 0x00080104, "LO", planter.strings.text("known code's CodeMeaning"))
    for keyword, item in (("ProcedureCodeSequence", private), ("AnatomicRegionSequence", known)):
        if keyword not in data:
            data.add_new(Tag(keyword), "SQ", Items([item]))


def _private(planter: "Planter") -> None:
    """Private blocks: creators that say a name, text, numbers that are none, bytes, packed bytes, sequences."""
    data = planter.sample.data
    creator = planter.strings.text("private creator")
    planter.put(data, 0x00310010, "LO", creator)
    kinds = ("LO", "PN", "UT", "DS", "OB", "DA", "UI", "LT", "SH")
    for index, vr in enumerate(kinds):
        planter.put(data, 0x00311001 + index, vr, planter.fitting(vr, f"private {vr}"))
    item = Dataset()
    put(item, 0x00310010, "LO", planter.encode(creator.text))
    planter.put(item, 0x00311001, "LO", planter.strings.text("private sequence"))
    data.add_new(0x00311020, "SQ", Items([item]))
    packed = planter.strings.text("packed in private OB")
    planter.planted.append(packed)
    put(data, 0x00311021, "OB", zlib.compress(packed.text.encode()))
    for group, name in ((0x0029, "SIEMENS CSA HEADER"), (0x0043, "GEMS_PARM_01"), (0x2005, "Philips Imaging DD 001")):
        block = group << 16
        if not any(tag.group == group for tag in data._dict):
            put(data, block | 0x10, "LO", name.encode())
            planter.put(data, block | 0x1010, "LT", planter.strings.text(f"private block of {name}"))
    if planter.number % 5 == 0:  # an element whose block nobody reserved
        planter.put(data, 0x00331101, "LO", planter.strings.text("private without creator"))


def _overlays(planter: "Planter") -> None:
    """Overlay planes and curves, with text as their data."""
    data = planter.sample.data
    if any(tag.group >> 8 in (0x60, 0x50) for tag in data._dict):
        return
    for group in (0x6000, 0x6002, 0x601E):
        base = group << 16
        for element, vr, value in ((0x10, "US", 16), (0x11, "US", 32), (0x100, "US", 1), (0x102, "US", 0)):
            data.add_new(base | element, vr, value)
        data.add_new(base | 0x40, "CS", "G")
        data.add_new(base | 0x50, "SS", [1, 1])
        _plant_bytes(planter, data, base | 0x3000, "OW", "overlay data", 64)
        planter.put(data, base | 0x22, "LO", planter.strings.text("overlay description"))
        planter.put(data, base | 0x1500, "LO", planter.strings.text("overlay label"))
        planter.put(data, base | 0x4000, "LT", planter.strings.text("overlay comments"))
    _overlay_in_pixels(planter)
    planter.put(data, 0x50000022, "LO", planter.strings.text("curve description"))
    _plant_bytes(planter, data, 0x50003000, "OW", "curve data", 64)
    planter.put(data, 0x50002500, "LO", planter.strings.text("curve label"))
    planter.put(data, 0x5004200E, "LT", planter.strings.text("audio comments"))
    _plant_bytes(planter, data, 0x5004200C, "OB", "audio samples", 64)


def _overlay_in_pixels(planter: "Planter") -> None:
    """A plane in the highest bit of pixels that do not use it, which spells a text (PS3.5, 8.1.2, edition of 2003)."""
    data, syntax = planter.sample.data, str(planter.sample.meta.TransferSyntaxUID)
    if not has_spare_bit(data, syntax) or not data.get("PixelData") or planter.number % 2:
        return
    if data.PixelRepresentation:  # unused bits of these repeat the sign, or do not
        return
    planted = planter.strings.text("overlay in the pixels")
    bits = np.unpackbits(np.frombuffer(planted.text.encode("latin-1"), np.uint8), bitorder="little")
    pixels = native(data, syntax).copy()
    if len(bits) > pixels.size or (pixels >> data.BitsStored).any():
        return
    planter.planted.append(planted)
    pixels[: len(bits)] |= bits.astype(pixels.dtype) << 15
    data["PixelData"]._value = pixels.tobytes()
    for element, value in ((0x10, 16), (0x11, 32), (0x100, 16), (0x102, 15)):
        data.add_new(0x60040000 | element, "US", value)


def _plant_bytes(planter: "Planter", data: Dataset, tag: int, vr: str, place: str, size: int) -> None:
    planted = planter.strings.text(place)
    planter.planted.append(planted)
    put(data, tag, vr, planted.text.encode("latin-1").ljust(size, b"\0"))


def _icon(planter: "Planter") -> None:
    data = planter.sample.data
    if "IconImageSequence" in data:
        return
    icon = Dataset()
    icon.Rows = icon.Columns = 8
    icon.SamplesPerPixel, icon.PhotometricInterpretation = 1, "MONOCHROME2"
    icon.BitsAllocated = icon.BitsStored = 8
    icon.HighBit, icon.PixelRepresentation = 7, 0
    _plant_bytes(planter, icon, 0x7FE00010, "OB", "icon's pixels", 64)
    planter.put(icon, 0x00204000, "LT", planter.strings.text("icon's ImageComments"))
    data.add_new(Tag("IconImageSequence"), "SQ", Items([icon]))


def _signatures(planter: "Planter") -> None:
    """Digital signatures, MAC parameters, what was before, who had it in hand."""
    data = planter.sample.data
    signature, mac, original, before, hand = Dataset(), Dataset(), Dataset(), Dataset(), Dataset()
    _plant_bytes(planter, signature, 0x04000115, "OB", "certificate", 80)
    planter.put(signature, 0x04000105, "DT", planter.strings.date("signature's time", "101010"))
    planter.put(mac, 0x04000015, "CS", planter.strings.short("MACAlgorithm"))
    planter.put(before, 0x00100010, "PN", planter.strings.person("OriginalAttributes>PatientName"))
    planter.put(before, 0x00100020, "LO", planter.strings.short("OriginalAttributes>PatientID"))
    original.ModifiedAttributesSequence = Items([before])
    planter.put(original, 0x04000564, "LO", planter.strings.text("SourceOfPreviousValues"))
    planter.put(original, 0x04000563, "LO", planter.strings.text("ModifyingSystem"))
    planter.put(hand, 0x00080080, "LO", planter.strings.text("ContributingEquipment>InstitutionName"))
    planter.put(hand, 0x00081070, "PN", planter.strings.person("ContributingEquipment>OperatorsName"))
    planter.put(hand, 0x0018A003, "ST", planter.strings.text("ContributionDescription"))
    for keyword, item in (
        ("DigitalSignaturesSequence", signature),
        ("MACParametersSequence", mac),
        ("OriginalAttributesSequence", original),
        ("ContributingEquipmentSequence", hand),
    ):
        if keyword not in data:
            data.add_new(Tag(keyword), "SQ", Items([item]))


def _waves(planter: "Planter") -> None:
    """Notes on curves, as an electrocardiograph writes them, in whatever object."""
    note = Dataset()
    planter.put(note, 0x00700006, "ST", planter.strings.text("waveform annotation"))
    if "WaveformAnnotationSequence" not in planter.sample.data:
        planter.sample.data.add_new(Tag("WaveformAnnotationSequence"), "SQ", Items([note]))


def _base64(planter: "Planter") -> None:
    planted = planter.strings.encoded("base64 in UT")
    if 0x0040A160 not in planter.sample.data._dict:
        planter.put(planter.sample.data, 0x0040A160, "UT", planted)


def _serial(planter: "Planter") -> None:
    for keyword in ("DeviceSerialNumber", "DetectorID", "PlateID", "CassetteID", "GantryID"):
        tag = Tag(keyword)
        planter.put(planter.sample.data, tag, dictionary_VR(tag), planter.strings.short(keyword))


PLACES: tuple[Callable[["Planter"], None], ...] = (
    _preamble,
    _meta,
    _person,
    _in_present_sequences,
    _deep,
    _codes,
    _private,
    _overlays,
    _icon,
    _signatures,
    _waves,
    _base64,
    _serial,
    *EDGES,
)
