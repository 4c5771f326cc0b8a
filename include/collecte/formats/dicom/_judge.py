"""What both questions need to know of a file before they answer: may it pass? Who it is about says ``_identity``."""

from collections.abc import Iterator, Mapping
from itertools import takewhile

from pydicom.datadict import keyword_for_tag

from collecte.challenge import DicomOption, DicomRules
from collecte.findings import Finding
from collecte.formats.dicom._identity import MODALITY, SOP_CLASS_UID, Identity
from collecte.formats.dicom._overlay import in_pixels, may_be_cleared
from collecte.formats.dicom._part10 import Dicom
from collecte.formats.dicom._tables import SopClass, refused_classes, sop_classes
from collecte.formats.dicom._uids import told_uid
from collecte.records import Look

_BURNED_IN_ANNOTATION, _BODY_PART, _ROWS = 0x00280301, 0x00180015, 0x00280010
#: ContentSequence and GraphicAnnotationSequence, and the options without which they are emptied.
_CONTENTS: Mapping[int, DicomOption] = {0x0040A730: "clean_structured_content", 0x00700001: "clean_graphics"}
_MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"
_DIRECTORY_GROUP = 0x0004


def refusals(dicom: Dicom, who: Identity, rules: DicomRules) -> tuple[Finding, ...]:
    """Why the file may not pass; empty where it may."""
    sop_class = dicom.word(SOP_CLASS_UID)
    if sop_class == _MEDIA_STORAGE_DIRECTORY or _has_records(dicom):
        return (Finding("DICOM-DIRECTORY"),)
    if not sop_class:
        return (Finding("DICOM-INCOMPLETE", values={"attribute": "SOPClassUID"}),)
    if sop_class not in sop_classes():
        return (_not_covered(sop_class),)
    found = list[Finding]()
    if who.subject is None:
        found.append(Finding("DICOM-NO-SUBJECT", place="PatientID"))
    found += _of_its_end(dicom, sop_classes()[sop_class])
    if "clean_recognizable_visual_features" in rules.options and _may_show_a_face(dicom):
        found.append(Finding("DICOM-RECOGNISABLE", place="BodyPartExamined"))
    if dicom.word(_BURNED_IN_ANNOTATION).upper() == "YES" and rules.text_in_pixels.found == "quarantine":
        found.append(Finding("DICOM-BURNED-IN", place="BurnedInAnnotation"))
    if in_pixels(dicom) and not may_be_cleared(dicom):
        found.append(Finding("DICOM-OVERLAY-IN-PIXELS", place="(60xx,0102)"))
    return tuple(found)


def losses(dicom: Dicom, rules: DicomRules) -> Iterator[Finding]:
    """What the file is there for and the challenge's options take out of it: the content of a report, the drawings of
    a presentation state."""
    ruled = {rule.tag for rule in rules.attributes}
    for tag, option in _CONTENTS.items():
        element = dicom.header.elements.get(tag)
        if element and element.end > element.value and option not in rules.options and tag not in ruled:
            yield Finding("DICOM-CONTENT-REMOVED", keyword_for_tag(tag), values={"option": option})


def _of_its_end(dicom: Dicom, covered: SopClass) -> Iterator[Finding]:
    """Whether the file has what comes last in an object of its class: a file that was cut between two elements can be
    read to its end.
    """
    if dicom.header.pixels is not None:
        if covered.pixels == "none":
            yield Finding("DICOM-PIXELS-UNEXPECTED")
    elif covered.pixels == "required" or (covered.pixels == "optional" and dicom.number(_ROWS)):
        yield Finding("DICOM-NO-PIXELS")
    elif next(reversed(dicom.header.elements), 0) < covered.last:
        yield Finding("DICOM-TRUNCATED", place=keyword_for_tag(covered.last))


def _has_records(dicom: Dicom) -> bool:
    """Whether elements of a DICOMDIR stand at the beginning: in ascending order, few come before them."""
    early = takewhile(lambda tag: tag >> 16 <= _DIRECTORY_GROUP, dicom.header.elements)
    return any(tag >> 16 == _DIRECTORY_GROUP for tag in early)


def _not_covered(sop_class: str) -> Finding:
    code = refused_classes().get(sop_class, "DICOM-SOP-CLASS-NOT-COVERED")
    return Finding(code, values={"uid": told_uid(sop_class)} if code == "DICOM-SOP-CLASS-NOT-COVERED" else {})


#: Modalities whose series show a face when they are rendered, and body parts that have none in view (PS3.16, annex L).
_VOLUMES, _PHOTOGRAPH = ("CT", "MR", "PT", "NM"), "XC"
_FACELESS = frozenset(
    "CHEST THORAX LUNG LUNGS ABDOMEN PELVIS LIVER KIDNEY PANCREAS PROSTATE BREAST HEART TSPINE LSPINE SPINE "  # noqa: SIM905
    "SSPINE HIP KNEE ANKLE FOOT HAND WRIST ELBOW SHOULDER ARM LEG EXTREMITY UTERUS BLADDER COLON RECTUM AORTA".split()
)


def _may_show_a_face(dicom: Dicom) -> bool:
    """Whether a face may be recognised: a photograph, or a volume that is not said to be of another part."""
    if dicom.word(MODALITY) == _PHOTOGRAPH:
        return True
    return dicom.word(MODALITY) in _VOLUMES and dicom.word(_BODY_PART).upper() not in _FACELESS


def look_of(dicom: Dicom) -> Look:
    """Whether text may stand in the pixels."""
    if dicom.header.pixels is None:
        return Look.NEVER
    if dicom.word(_BURNED_IN_ANNOTATION).upper() == "YES":
        return Look.DECLARED
    return Look(sop_classes()[dicom.word(SOP_CLASS_UID)].text)
