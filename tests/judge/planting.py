"""Plants identifying strings in every place of one file where one can hide; the file stays readable."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

from pydicom.datadict import DicomDictionary
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from tests.judge import hiding
from tests.judge.fragments import plant_in_pixels
from tests.judge.samples import Sample
from tests.judge.strings import Needle, Planted, Strings, words
from tests.judge.writing import Layout, file_bytes, put

TEXT = frozenset(("LO", "SH", "ST", "LT", "UT", "UC", "PN"))
#: What planted text would turn into another object, or into none.
STRUCTURE = frozenset(
    words("""
SpecificCharacterSet SOPClassUID SOPInstanceUID PatientID PatientName CodeValue LongCodeValue URNCodeValue
CodingSchemeDesignator CodingSchemeVersion Modality PhotometricInterpretation BurnedInAnnotation NumberOfFrames
RecognizableVisualFeatures IssuerOfPatientID TypeOfPatientID PixelPresentation ValueType RelationshipType
LossyImageCompression PatientSex PatientAge PatientSize PatientWeight TransferSyntaxUID InstanceNumber
PatientIdentityRemoved DeidentificationMethod LongitudinalTemporalInformationModified VolumetricProperties
DataSetTrailingPadding EncapsulatedDocument TextFormatOverride IssuerOfPatientIDQualifiersSequence
GroupOfPatientsIdentificationSequence SourcePatientGroupIdentificationSequence DirectoryRecordType
""")
)
#: What machines write of themselves: in three files of four it stays as it was, to see that it is kept.
MACHINE = frozenset(
    words("""
Manufacturer ManufacturerModelName SoftwareVersions ConvolutionKernel SequenceName ReceiveCoilName TransmitCoilName
FilterType CollimatorType FocalSpots
""")
)
#: Public attributes; the next file goes on where the last one stopped, so that every attribute has its turn.
_PUBLIC = [
    (tag, entry[0], entry[4])
    for tag, entry in sorted(DicomDictionary.items())
    if tag >> 16 not in (0, 2, 4, 6) and tag >> 16 < 0x7FE0 and entry[4] and entry[4] not in STRUCTURE
]
#: A meaning without its code makes its item a broken code; meanings are planted where a code is.
_TEXTS = [entry for entry in _PUBLIC if entry[1] in TEXT and entry[2] != "CodeMeaning"]
_OTHERS = [entry for entry in _PUBLIC if entry[1] in ("CS", "AE", "UR", "DA", "TM", "DT", "DS", "IS", "UI")]
_SEQUENCES = [entry for entry in _PUBLIC if entry[1] == "SQ" and "Functional" not in entry[2]]


@dataclass
class Turn:
    """The attributes in turn, and the strings: one for a whole corpus."""

    strings: Strings = field(default_factory=Strings)
    people: dict[str, tuple[Planted, Planted, Planted]] = field(default_factory=dict)
    _at: dict[int, int] = field(default_factory=dict)

    def next(self, entries: list[tuple[int, str, str]], apart: int, taken: Dataset) -> tuple[int, str, str]:
        """The next entry that the data set does not have; ``apart`` has no divisor in common with their number."""
        while True:
            at = self._at.get(id(entries), 0)
            self._at[id(entries)] = at + apart
            entry = entries[at % len(entries)]
            if entry[0] not in taken._dict:
                return entry

    def text(self, taken: Dataset) -> tuple[int, str, str]:
        return self.next(_TEXTS, 37, taken)

    def other(self, taken: Dataset) -> tuple[int, str, str]:
        return self.next(_OTHERS, 31, taken)

    def sequence(self, taken: Dataset) -> tuple[int, str, str]:
        return self.next(_SEQUENCES, 89, taken)


@dataclass
class Planter:
    """Plants in one file; ``planted`` grows. ``number`` of the file decides between alternatives."""

    sample: Sample
    turn: Turn
    number: int
    planted: list[Planted] = field(default_factory=list)
    layout: Layout = field(default_factory=Layout)

    @property
    def strings(self) -> Strings:
        return self.turn.strings

    def encode(self, text: str) -> bytes:
        """As the file's character set writes it; without accents where it has none."""
        sets = self.sample.data.get("SpecificCharacterSet") or "ISO_IR 6"
        first = sets if isinstance(sets, str) else (sets[0] or "ISO_IR 6")
        codec = {"ISO_IR 100": "latin-1", "ISO_IR 192": "utf-8", "GB18030": "gb18030"}.get(first, "ascii")
        return text.encode(codec) if codec != "ascii" else folded_keeping_case(text).encode("ascii", "ignore")

    def put(self, dataset: Dataset, tag: int, vr: str, planted: Planted) -> None:
        """Write a string into an element."""
        self.planted.append(planted)
        put(dataset, tag, vr, self.encode(planted.text))

    def fitting(self, vr: str, place: str) -> Planted:
        """A string of the sort that stands in such a VR, or that a broken file has there."""
        makers: dict[str, Callable[[str], Planted]] = {
            "PN": self.strings.person,
            "DA": self.strings.date,
            "DT": lambda where: self.strings.date(where, "101500.5"),
            "UI": self.strings.uid,
            "SH": self.strings.short,
            "AE": self.strings.short,
            "CS": self.strings.short,
            "TM": self.strings.short,
            "DS": self.strings.word,  # digits would be a number like any other
            "IS": self.strings.short,
        }
        return makers.get(vr, self.strings.text)(place)

    def add_public(self, dataset: Dataset, where: str, texts: int, others: int) -> None:
        """Attributes of the dictionary, each in its turn."""
        for pick, count in ((self.turn.text, texts), (self.turn.other, others)):
            for _ in range(count):
                tag, vr, keyword = pick(dataset)
                broken = vr in ("DA", "DT") and self.number % 3 == 0
                made = self.strings.word(f"{where}{keyword} as text") if broken else self.fitting(vr, where + keyword)
                self.put(dataset, tag, vr, made)


def folded_keeping_case(text: str) -> str:
    """Without accents."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c for c in plain if not unicodedata.combining(c))


def plant(sample: Sample, turn: Turn, number: int) -> tuple[bytes, list[Planted]]:
    """The planted file's bytes, and what stands in it. The sample's data set is altered."""
    planter = Planter(sample, turn, number, layout=Layout(undefined=sample.undefined or number % 2 == 1))
    data = sample.data
    _originals(planter)
    _identity(planter)
    _present(planter, data, "")
    planter.add_public(data, "", 10, 5)
    for hide in hiding.PLACES:
        hide(planter)
    for keyword, (text, needles) in sample.foreign.items():
        data._dict.pop(Tag(keyword), None)
        setattr(data, keyword, text)
        planter.planted.append(Planted(f"{keyword} in another alphabet", text, needles))
    if "twice" in sample.notes:
        for tag in (0x00080080, 0x00104000):
            again = planter.strings.text(f"second {tag:08X}")
            planter.planted.append(again)
            planter.layout.again[tag] = planter.encode(again.text)
    plant_in_pixels(planter)
    planter.layout.bare, planter.layout.headless = "bare" in sample.notes, "headless" in sample.notes
    return file_bytes(data, sample.meta, planter.layout), planter.planted


def _originals(planter: Planter) -> None:
    """The UIDs as they came identify, too."""
    seen: set[str] = set()
    for element in planter.sample.data.iterall():
        if element.VR == "UI" and element.value:
            values = [element.value] if isinstance(element.value, str) else element.value
            for uid in values:
                if not str(uid).startswith("1.2.840.10008.") and len(uid) > 12 and uid not in seen:
                    seen.add(uid)
                    planter.planted.append(Planted(f"original {element.keyword}", uid, (hiding.uid_needle(uid),)))


def _identity(planter: Planter) -> None:
    """Who it is: one name, one number, one birth date for all files of a subject; a file without one gets its own."""
    data = planter.sample.data
    key = str(data.get("PatientID") or planter.sample.path)
    if key not in planter.turn.people:
        strings = planter.strings
        birth = Planted("PatientBirthDate", *_born(strings))
        planter.turn.people[key] = (strings.person("PatientName"), strings.record("PatientID"), birth)
    name, number, birth = planter.turn.people[key]
    planter.put(data, 0x00100010, "PN", name)
    planter.put(data, 0x00100020, "LO", number)
    planter.put(data, 0x00100030, "DA", birth)


def _born(strings: Strings) -> tuple[str, tuple[Needle, ...]]:
    date = strings.date("")
    return date.text, date.needles


def _present(planter: Planter, data: Dataset, where: str) -> None:
    """Texts and dates of attributes that the file has already, at every depth."""
    for index, tag in enumerate(sorted(data._dict)):
        element = data._dict[tag]
        if isinstance(element, RawDataElement) or tag.is_private or element.keyword in STRUCTURE:
            continue
        if element.VR == "SQ":
            for item in element.value:
                _present(planter, item, f"{where}{element.keyword}>")
        elif element.VR in ("DA", "DT"):
            _date(planter, data, tag, f"{where}{element.keyword}")
        elif element.VR in TEXT and _chosen(planter, element.keyword, index) and len(planter.planted) < 400:
            planter.put(data, tag, element.VR, planter.fitting(element.VR, f"{where}{element.keyword}"))


def _chosen(planter: Planter, keyword: str, index: int) -> bool:
    if keyword in MACHINE:
        return planter.number % 4 == 0
    return (planter.number + index) % 3 != 0


def _date(planter: Planter, data: Dataset, tag: BaseTag, place: str) -> None:
    dates = sum(needle.kind == "date" for planted in planter.planted for needle in planted.needles)
    element = data._dict[tag]
    if dates < 40 and element.keyword != "PatientBirthDate" and element.value:
        planter.put(data, tag, element.VR, planter.fitting(element.VR, place))
