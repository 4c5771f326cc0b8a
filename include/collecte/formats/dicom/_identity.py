"""Who an object is about, and by which UIDs it and its copy are known.

Files of old machines and of research lack UIDs that the standard demands. They are given some: a function of the
challenge's key and of the file alone, so that a file has the same ones wherever and whenever it is met, two copies of
it have the same, and two files never do. Files are put into one series or study only where they say so themselves.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from collecte.challenge import DicomRules
from collecte.errors import Bug
from collecte.formats import Context
from collecte.formats.dicom._elements import Encoding, write_element
from collecte.formats.dicom._part10 import Dicom
from collecte.formats.dicom._text import charsets, reading, readings
from collecte.formats.dicom._uids import PUBLIC_ROOTS
from collecte.pseudonym import Pseudonymiser
from collecte.records import PatientRef

SPECIFIC_CHARACTER_SET = 0x00080005
SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_UID, SERIES_UID = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
PATIENT_NAME, PATIENT_ID, ISSUER_OF_PATIENT_ID = 0x00100010, 0x00100020, 0x00100021
MODALITY = 0x00080060
_STUDY_DATE, _ACCESSION_NUMBER, _STUDY_ID, _SERIES_NUMBER = 0x00080020, 0x00080050, 0x00200010, 0x00200011
_KEYWORDS = {
    SOP_CLASS_UID: "SOPClassUID",
    SOP_INSTANCE_UID: "SOPInstanceUID",
    STUDY_UID: "StudyInstanceUID",
    SERIES_UID: "SeriesInstanceUID",
}
_UID = re.compile(rb"[0-9.]{1,64}")
_ROOTS = tuple(root.encode("ascii") for root in PUBLIC_ROOTS)
#: AccessionNumber, OtherPatientIDs, InsurancePlanIdentification, MedicalRecordLocator, ClinicalTrialSubjectID,
#: DeviceSerialNumber, StudyID, AdmissionID, ServiceEpisodeID, ScheduledProcedureStepID, PerformedProcedureStepID,
#: RequestedProcedureID, PlacerOrderNumberImagingServiceRequest and FillerOrder…: no text of the file may hold them.
_NUMBERS = (
    *(0x00080050, 0x00101000, 0x00101050, 0x00101090, 0x00120040, 0x00181000, 0x00200010),
    *(0x00380010, 0x00380060, 0x00400009, 0x00400253, 0x00401001, 0x00402016, 0x00402017),
)
#: OtherPatientIDsSequence and RequestAttributesSequence, in whose items there are others.
_NUMBERED = (0x00101002, 0x00400275)
#: InstanceCreationDate, StudyDate, SeriesDate, AcquisitionDate, ContentDate, AcquisitionDateTime and
#: PerformedProcedureStepStartDate: no text may tell them where they move.
_DAYS = (0x00080012, 0x00080020, 0x00080021, 0x00080022, 0x00080023, 0x0008002A, 0x00400244)
_BIRTH, _DAY = 0x00100030, re.compile(rb"(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
#: Digits of a whole number of VR IS, at most, and more than those of a text.
_MOST_DIGITS = 8


@dataclass(frozen=True)
class Identity:
    """Whose object it is, and the output's name; the subject is None where the file names no patient.

    ``series``, ``instance``: replaced, in the name. ``object_key``, ``logical_id``: SeriesInstanceUID and
    SOPInstanceUID as they came, or what stands in for them. ``says``: the SOPInstanceUID in the copy. ``uids``: by tag,
    those that the copy is given because no rule makes them of what the file has. ``missing``: keywords of those that
    the file has not. IDENTIFYING.
    """

    subject: str | None
    series: str
    instance: str
    object_key: str
    logical_id: str
    says: str
    uids: tuple[tuple[int, str], ...] = ()
    missing: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Identity({self.name})"

    @property
    def name(self) -> str:
        return f"{self.subject}/{self.series}/{self.instance}.dcm" if self.subject and self.logical_id else ""

    def stamps(self, encoding: Encoding) -> dict[int, bytes]:
        """The elements of :attr:`uids`, by tag."""
        return {tag: write_element(tag, "UI", uid.encode("ascii"), encoding) for tag, uid in self.uids}


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
    """Who, and under which name.

    Raises:
        OSError: the file cannot be read again, where nothing but its bytes tells it from others.
    """
    who = (dicom.raw(tag) for tag in (PATIENT_ID, ISSUER_OF_PATIENT_ID, SPECIFIC_CHARACTER_SET))
    subject = _subject(context.pseudonyms, *who)
    instance = dicom.word(SOP_INSTANCE_UID) or _instance(dicom, subject)
    study = dicom.word(STUDY_UID) or _study(dicom, subject, instance)
    series = dicom.word(SERIES_UID) or _series(dicom, study, instance)
    known = {SOP_INSTANCE_UID: instance, STUDY_UID: study, SERIES_UID: series}
    uids = dict(_given(dicom, known, context.pseudonyms))
    kept = "retain_uids" in rules_of(context).options and SOP_INSTANCE_UID not in uids
    replaced = context.pseudonyms.uid(instance)
    return Identity(
        subject,
        context.pseudonyms.uid(series),
        replaced,
        series if instance else dicom.word(SERIES_UID),
        instance,
        instance if kept else replaced,
        tuple(uids.items()),
        tuple(keyword for tag, keyword in _KEYWORDS.items() if not dicom.raw(tag).strip(b"\0 ")),
    )


@lru_cache(maxsize=64)  # the files of a patient come one after the other
def _subject(pseudonyms: Pseudonymiser, number: bytes, issuer: bytes, charset: bytes) -> str | None:
    declared = charsets(charset)
    return pseudonyms.subject(PatientRef(_declared(number, declared), _declared(issuer, declared) or None))


def _declared(raw: bytes, declared: tuple[str, ...]) -> str:
    """One reading, always the same of several."""
    texts = readings(raw, declared)
    return max(texts, key=lambda text: (sum(map(str.isalnum, text)), text), default="")


def _instance(dicom: Dicom, subject: str | None) -> str:
    """What tells a file without UID from every other: all of its bytes, for two may differ in their pixels alone. Empty
    where nobody will ask.
    """
    return f"sha256:{dicom.digest()}" if subject and dicom.word(SOP_CLASS_UID) else ""


def _study(dicom: Dicom, subject: str | None, instance: str) -> str:
    """The study of a file that names none: its series' own, the patient's of that day, or the file's own."""
    if series := dicom.word(SERIES_UID):
        return _together("study", series)
    if day := dicom.word(_STUDY_DATE):
        return _together("study", subject or "", day, dicom.word(_STUDY_ID), dicom.word(_ACCESSION_NUMBER))
    return _together("study", instance)


def _series(dicom: Dicom, study: str, instance: str) -> str:
    """The series of a file that names none: the one of this number in its study, or the file's own."""
    if number := dicom.word(_SERIES_NUMBER):
        return _together("series", study, dicom.word(MODALITY), number)
    return _together("series", instance)


def _together(*parts: str) -> str:
    """What no other parts give, and no UID is."""
    return json.dumps(parts)


def _given(dicom: Dicom, known: dict[int, str], pseudonyms: Pseudonymiser) -> list[tuple[int, str]]:
    """The UIDs that no rule makes of the element as it stands: it is absent, no UID, or one of the standard's own."""
    found = []
    for tag, uid in known.items():
        raw = dicom.raw(tag).rstrip(b"\0 ")
        if _UID.fullmatch(raw) is None or raw.startswith(_ROOTS):
            found.append((tag, pseudonyms.uid(uid)))
    if not dicom.raw(SOP_CLASS_UID).strip(b"\0 ") and (sop_class := dicom.word(SOP_CLASS_UID)):
        found.append((SOP_CLASS_UID, sop_class))
    return found


def numbers_of(dicom: Dicom) -> frozenset[bytes]:
    """The numbers of the patient's papers and studies, also those in the items where they have their place; but for
    those that are so long that none of their digits could stay."""
    return frozenset(one for raw in _numbers(dicom) for one in raw.split(b"\\") if one and _may_stand(one))


def _numbers(dicom: Dicom) -> Iterator[bytes]:
    elements = dicom.header.elements
    for tag in _NUMBERS:
        if tag in elements:
            yield dicom.raw(tag)
    for sequence in _NUMBERED:
        if sequence in elements:
            for item in dicom.items_of(elements[sequence]):
                yield from (dicom.value(e) for e in item.elements if e.tag in _NUMBERS or e.tag == PATIENT_ID)


def days_of(dicom: Dicom, rules: DicomRules) -> frozenset[str]:
    """The day of birth, and those of the study unless exact dates are told (YYYYMMDD)."""
    told = "retain_longitudinal_full_dates" in rules.options
    raw = (dicom.raw(tag)[:8] for tag in ((_BIRTH,) if told else (_BIRTH, *_DAYS)))
    return frozenset(day.decode("ascii") for day in raw if _DAY.fullmatch(day))


@lru_cache(maxsize=64)
def _may_stand(raw: bytes) -> bool:
    """Whether a number could stay in a text, its digits apart, or pass for a counter: longer ones make no plan of their
    own."""
    return 0 < sum(map(str.isdigit, reading(raw, ()))) <= _MOST_DIGITS
