"""What both questions need to know of a file before they answer: may it pass, and who is it about?"""

from dataclasses import dataclass

from collecte.challenge import DicomRules
from collecte.errors import Bug
from collecte.findings import Finding
from collecte.formats import Context
from collecte.formats.dicom._part10 import Dicom
from collecte.formats.dicom._tables import refused_classes, sop_classes
from collecte.formats.dicom._text import charsets, readings
from collecte.formats.dicom._wall import standard_uid
from collecte.records import Look, PatientRef

SPECIFIC_CHARACTER_SET = 0x00080005
SOP_CLASS_UID, SOP_INSTANCE_UID, SERIES_UID = 0x00080016, 0x00080018, 0x0020000E
PATIENT_NAME, PATIENT_ID, ISSUER_OF_PATIENT_ID = 0x00100010, 0x00100020, 0x00100021
_BURNED_IN_ANNOTATION, _MODALITY, _BODY_PART = 0x00280301, 0x00080060, 0x00180015
_MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"
#: No group of a data set comes before 0008; that of a DICOMDIR does.
_FIRST = 0x00080000
_REQUIRED = {
    SOP_CLASS_UID: "SOPClassUID",
    SOP_INSTANCE_UID: "SOPInstanceUID",
    SERIES_UID: "SeriesInstanceUID",
}


@dataclass(frozen=True)
class Identity:
    """Whose object it is, and the output's name; the subject is None where the file names no patient."""

    subject: str | None
    series: str
    instance: str

    @property
    def name(self) -> str:
        return f"{self.subject}/{self.series}/{self.instance}.dcm" if self.subject and self.instance else ""


def rules_of(context: Context) -> DicomRules:
    """The challenge's rules for this kind.

    Raises:
        Bug: the challenge does not collect it, so nobody may ask.
    """
    rules = context.challenge.kinds.dicom
    if rules is None:
        raise Bug(f"Challenge {context.challenge.id} has no rules for DICOM, yet a file was asked about.")
    return rules


def identity(dicom: Dicom, context: Context) -> Identity:
    """Who, and under which name."""
    declared = charsets(dicom.raw(SPECIFIC_CHARACTER_SET))
    issuer = _declared(dicom.raw(ISSUER_OF_PATIENT_ID), declared)
    patient = PatientRef(_declared(dicom.raw(PATIENT_ID), declared), issuer or None)
    return Identity(
        context.pseudonyms.subject(patient),
        context.pseudonyms.uid(dicom.word(SERIES_UID)),
        context.pseudonyms.uid(dicom.word(SOP_INSTANCE_UID)),
    )


def _declared(raw: bytes, declared: tuple[str, ...]) -> str:
    """One reading, always the same of several."""
    texts = readings(raw, declared)
    return max(texts, key=lambda text: (sum(map(str.isalnum, text)), text), default="")


def refusals(dicom: Dicom, who: Identity, rules: DicomRules) -> tuple[Finding, ...]:
    """Why the file may not pass; empty where it may."""
    sop_class = dicom.word(SOP_CLASS_UID)
    if sop_class == _MEDIA_STORAGE_DIRECTORY or next(iter(dicom.header.elements), _FIRST) < _FIRST:
        return (Finding("DICOM-DIRECTORY"),)
    missing = [keyword for tag, keyword in _REQUIRED.items() if not dicom.word(tag)]
    if missing:
        return tuple(Finding("DICOM-INCOMPLETE", values={"attribute": keyword}) for keyword in missing)
    if sop_class not in sop_classes():
        return (_not_covered(sop_class),)
    found = []
    if who.subject is None:
        found.append(Finding("DICOM-NO-SUBJECT", place="PatientID"))
    if dicom.header.pixels is None and sop_classes()[sop_class].pixels == "required":
        found.append(Finding("DICOM-NO-PIXELS"))
    if dicom.header.pixels is not None and sop_classes()[sop_class].pixels == "none":
        found.append(Finding("DICOM-PIXELS-UNEXPECTED"))
    if "clean_recognizable_visual_features" in rules.options and _may_show_a_face(dicom):
        found.append(Finding("DICOM-RECOGNISABLE", place="BodyPartExamined"))
    if dicom.word(_BURNED_IN_ANNOTATION).upper() == "YES" and rules.text_in_pixels.found == "quarantine":
        found.append(Finding("DICOM-BURNED-IN", place="BurnedInAnnotation"))
    if _overlay_in_pixels(dicom):
        found.append(Finding("DICOM-OVERLAY-IN-PIXELS", place="(60xx,0102)"))
    return tuple(found)


def _not_covered(sop_class: str) -> Finding:
    code = refused_classes().get(sop_class, "DICOM-SOP-CLASS-NOT-COVERED")
    return Finding(code, values={"uid": standard_uid(sop_class)} if code == "DICOM-SOP-CLASS-NOT-COVERED" else {})


#: Modalities whose series show a face when they are rendered, and body parts that have none in view (PS3.16, annex L).
_VOLUMES, _PHOTOGRAPH = ("CT", "MR", "PT", "NM"), "XC"
_FACELESS = frozenset(
    "CHEST THORAX LUNG LUNGS ABDOMEN PELVIS LIVER KIDNEY PANCREAS PROSTATE BREAST HEART TSPINE LSPINE SPINE "  # noqa: SIM905
    "SSPINE HIP KNEE ANKLE FOOT HAND WRIST ELBOW SHOULDER ARM LEG EXTREMITY UTERUS BLADDER COLON RECTUM AORTA".split()
)


def _may_show_a_face(dicom: Dicom) -> bool:
    """Whether a face may be recognised: a photograph, or a volume that is not said to be of another part."""
    if dicom.word(_MODALITY) == _PHOTOGRAPH:
        return True
    return dicom.word(_MODALITY) in _VOLUMES and dicom.word(_BODY_PART).upper() not in _FACELESS


def look_of(dicom: Dicom) -> Look:
    """Whether text may stand in the pixels."""
    if dicom.header.pixels is None:
        return Look.NEVER
    if dicom.word(_BURNED_IN_ANNOTATION).upper() == "YES":
        return Look.DECLARED
    return Look(sop_classes()[dicom.word(SOP_CLASS_UID)].text)


def _overlay_in_pixels(dicom: Dicom) -> bool:
    """Whether an overlay uses spare bits of the pixel data, as editions before 2004 allowed: it would stay in them."""
    if next(reversed(dicom.header.elements), 0) < 0x60000000:
        return False
    planes = range(0x60000000, 0x60200000, 0x00020000)
    return any(
        plane | 0x10 in dicom.header.elements and plane | 0x3000 not in dicom.header.elements for plane in planes
    )
