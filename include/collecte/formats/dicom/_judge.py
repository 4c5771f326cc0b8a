"""What both questions need to know of a file before they answer: may it pass, and who is it about?"""

from dataclasses import dataclass

from collecte.challenge import DicomRules
from collecte.errors import Bug
from collecte.findings import Finding
from collecte.formats import Context
from collecte.formats.dicom._part10 import Dicom
from collecte.formats.dicom._tables import sop_classes
from collecte.formats.dicom._text import charsets, readings
from collecte.formats.dicom._wall import standard_uid
from collecte.records import PatientRef

SPECIFIC_CHARACTER_SET = 0x00080005
SOP_CLASS_UID, SOP_INSTANCE_UID, SERIES_UID = 0x00080016, 0x00080018, 0x0020000E
PATIENT_NAME, PATIENT_ID, ISSUER_OF_PATIENT_ID = 0x00100010, 0x00100020, 0x00100021
_BURNED_IN_ANNOTATION = 0x00280301
_MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"
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
    if sop_class == _MEDIA_STORAGE_DIRECTORY or any(tag >> 16 == 0x0004 for tag in dicom.header.elements):
        return (Finding("DICOM-DIRECTORY"),)
    missing = [keyword for tag, keyword in _REQUIRED.items() if not dicom.word(tag)]
    if missing:
        return tuple(Finding("DICOM-INCOMPLETE", values={"attribute": keyword}) for keyword in missing)
    if sop_class not in sop_classes():
        return (Finding("DICOM-SOP-CLASS-NOT-COVERED", values={"uid": standard_uid(sop_class)}),)
    found = []
    if who.subject is None:
        found.append(Finding("DICOM-NO-SUBJECT", place="PatientID"))
    if dicom.header.pixels is None:
        found.append(Finding("DICOM-NO-PIXELS"))
    if dicom.word(_BURNED_IN_ANNOTATION).upper() == "YES" and rules.text_in_pixels.found == "quarantine":
        found.append(Finding("DICOM-BURNED-IN", place="BurnedInAnnotation"))
    if _overlay_in_pixels(dicom):
        found.append(Finding("DICOM-OVERLAY-IN-PIXELS", place="(60xx,0102)"))
    return tuple(found)


def _overlay_in_pixels(dicom: Dicom) -> bool:
    """Whether an overlay uses spare bits of the pixel data, as editions before 2004 allowed: it would stay in them."""
    planes = range(0x60000000, 0x60200000, 0x00020000)
    return any(
        plane | 0x10 in dicom.header.elements and plane | 0x3000 not in dicom.header.elements for plane in planes
    )
