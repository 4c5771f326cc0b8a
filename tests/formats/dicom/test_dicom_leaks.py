"""Planted anywhere, found nowhere: an identifier in any attribute, at any depth, in any corner of the file."""

from pathlib import Path

import pytest
from pydicom.datadict import DicomDictionary, dictionary_VM, dictionary_VR, keyword_for_tag  # type: ignore[attr-defined]
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from collecte.formats.dicom._tables import by_tag
from tests.formats.dicom.builders import Maker, bundled_files, element, item, slice_of, spellings, spliced, written

#: Fifty-nine strings that would identify Mr Vercingétorix of Alésia: names, numbers, addresses, days.
PLANTED = (
    *(f"Vercingetorix{n:02d}" for n in range(20)),
    *(f"Alésia-rue-{n:02d}" for n in range(10)),
    *(f"IPP7700{n:03d}" for n in range(10)),
    *(f"04 72 11 73 {n:02d}" for n in range(9)),
    *(f"195604{n:02d}" for n in range(10, 20)),
)
_TEXT_VRS = ("LO", "SH", "ST", "LT", "UT", "UC", "PN", "AE", "UR")
_BINARY_VRS = {"US", "SS", "UL", "SL", "FL", "FD", "AT", "OW", "OF", "OV"}
_SHARED_GROUPS = 0x52009229
#: Without these there is no image to make safe.
_NEEDED = {
    *(0x00080005, 0x00080016, 0x00080018, 0x0020000E, 0x00100020, 0x00100021),
    *(0x00280002, 0x00280004, 0x00280008, 0x00280010, 0x00280011, 0x00280100, 0x7FE00001, 0x7FE00002),
}
_OTHER_VRS = ("CS", "DS", "IS", "DA", "DT", "TM", "AS", "UI", "OB", "OW", "UN", "US", "FD", "AT")


def survivors(data: bytes, planted: tuple[str, ...]) -> list[str]:
    return [text for text in planted if any(spelling in data for spelling in spellings(text))]


def kept_numbers() -> set[int]:
    """Look-up tables and palettes, and short texts in vectors: numbers in binary of the image's own. What their bytes
    may spell is for the residual scan to say; a single number holds no name."""
    binary = {tag for tag in by_tag("keep") if set(dictionary_VR(tag).split(" or ")) & _BINARY_VRS}
    one = {tag for tag in binary if dictionary_VM(tag) in ("1", "2") and not dictionary_VR(tag).startswith("O")}
    return binary - one


def public_tags() -> list[int]:
    """Every public attribute of the dictionary that may stand in a data set, the pixels apart."""
    return [tag for tag in DicomDictionary if 0x0008 <= tag >> 16 < 0x7FE0 and not tag >> 16 & 1 and tag & 0xFFFF]


def marker(tag: int) -> str:
    return f"Plnt{tag:08X}"


def test_no_text_attribute_of_the_dictionary_leaks_but_those_kept_by_name(tmp_path: Path, make: Maker) -> None:
    texts = [tag for tag in public_tags() if dictionary_VR(tag) in _TEXT_VRS and tag not in (0x00100020, 0x00100021)]
    planted = [element(tag, dictionary_VR(tag), marker(tag).encode()) for tag in texts]
    made = make(spliced(tmp_path / "in", planted, PatientName=None, ReferringPhysicianName=None))
    assert not made.codes
    leaked = {tag for tag in texts if marker(tag).encode() in made.bytes}
    assert not leaked, [keyword_for_tag(tag) for tag in leaked]


def test_a_code_that_is_no_defined_term_does_not_stay(tmp_path: Path, make: Maker) -> None:
    codes = [tag for tag in public_tags() if dictionary_VR(tag) == "CS" and tag not in _NEEDED]
    made = make(spliced(tmp_path / "in", [element(tag, "CS", b"DURAND JEAN") for tag in codes]))
    assert not made.codes
    left = {tag for tag in codes if tag in (output := made.dataset) and "DURAND" in str(output[tag].value)}
    assert not left, [keyword_for_tag(tag) for tag in left]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("BodyPartExamined", "CHEST"),
        ("BodyPartExamined", "GENOU G"),
        ("PatientPosition", "HFS"),
        ("ScanningSequence", ["SE", "IR"]),
        ("ScanOptions", ["HELICAL MODE", "PFP_GEMS"]),
        ("ImageType", ["ORIGINAL", "PRIMARY", "M_FFE", "NORM"]),
        ("FilterType", "LARGE BOWTIE FIL"),
        ("PositionReferenceIndicator", "Iliac Crest"),
        ("ConvolutionKernel", "B30f"),
        ("CassetteOrientation", "LANDSCAPE"),
        ("PatientSex", "O"),
    ],
)
def test_text_retained_that_consoles_write(make: Maker, keyword: str, value: str | list[str]) -> None:
    image = slice_of()
    setattr(image, keyword, value)
    assert make(image).dataset[keyword].value == value


def test_a_number_of_a_patient_does_not_stay_in_a_listed_text(make: Maker) -> None:
    image = slice_of(ConvolutionKernel="IPP 7700123", FilterType="FLAT 1234")
    made = make(image).dataset
    assert not made.get("ConvolutionKernel")
    assert made.FilterType == "FLAT 1234"


@pytest.mark.parametrize(
    ("name", "number", "text", "left"),
    [
        ("Long^Axelle", "00415", "AX LONG 3D", "AX 3D"),
        ("Lóng^Axelle", "00415", "ax long 3D", "ax 3D"),
        ("Longuet^Axelle", "00415", "AX LONG 3D", "AX LONG 3D"),
        ("Delacroix^Eugene", "DICOM2NIfTI", "dicom2nifti brain", "brain"),
        ("Delacroix^Eugene", "DICOM2NIfTI", "dicom nifti", "dicom nifti"),
        ("HEAD1^Phantom", "HEAD 1", "Head 1", None),
        ("HEAD1^Phantom", "12", "Head 12", "Head 12"),
    ],
)
def test_a_known_word_does_not_stay_where_the_patient_is_called_so(
    make: Maker, name: str, number: str, text: str, left: str | None
) -> None:
    image = slice_of(PatientName=name, PatientID=number, ManufacturerModelName=text, SpecificCharacterSet="ISO_IR 192")
    assert make(image).dataset.get("ManufacturerModelName") == left


@pytest.mark.parametrize("keyword", ["AccessionNumber", "StudyID", "OtherPatientIDs", "DeviceSerialNumber"])
def test_a_text_does_not_repeat_a_number_of_the_file(make: Maker, keyword: str) -> None:
    made = [make(slice_of(ManufacturerModelName="Scanner MR3 T1", **{keyword: n})).dataset for n in ("MR3 T1", "MR4")]
    assert [one.ManufacturerModelName for one in made] == ["Scanner", "Scanner MR3 T1"]


def test_a_defined_term_does_not_stay_where_the_patient_is_called_so(make: Maker) -> None:
    image = slice_of(PatientName="Localizer^Rose", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    assert make(image).dataset.ImageType == ["ORIGINAL", "PRIMARY", "REMOVED"]


@pytest.mark.parametrize("keyword", ["TimeSliceVector", "DimensionIndexValues"])
def test_no_longer_text_hides_in_a_vector_of_numbers(tmp_path: Path, make: Maker, keyword: str) -> None:
    tag = Tag(keyword)
    made = make(spliced(tmp_path / "in", [element(tag, dictionary_VR(tag), b"Vercingetorix d Alesia  ")]))
    assert b"Vercing" not in made.bytes


@pytest.mark.parametrize(
    "text",
    [
        "8828878787",
        "IPP 8814542300",
        "tél. 06 14 59 05 71",
        "DDN 1902-01-17",
        "née Boutréfont",
        "fred@chu.example",
        "8852048867",
    ],
)
@pytest.mark.parametrize("keyword", ["TimeSliceVector", "TableOfPixelValues", "InversionTimes", "VerticesOfTheRegion"])
def test_no_short_text_fills_a_vector_of_numbers(tmp_path: Path, make: Maker, keyword: str, text: str) -> None:
    tag, raw = Tag(keyword), text.encode("latin-1").ljust(32, b"\0")
    made = make(spliced(tmp_path / "in", [element(tag, dictionary_VR(tag), raw)]))
    assert raw.rstrip(b"\0") not in made.bytes


def test_numbers_that_happen_to_be_letters_stay(make: Maker) -> None:
    image = slice_of(TimeSliceVector=[0x4141] * 20, InversionTimes=[2.2, 100.5, 1e4 / 3])
    made = make(image).dataset
    assert list(made.TimeSliceVector) == [0x4141] * 20
    assert made.InversionTimes == [2.2, 100.5, 1e4 / 3]


@pytest.mark.parametrize("vr", _OTHER_VRS)
def test_no_text_hides_in_a_value_that_is_not_for_text(tmp_path: Path, make: Maker, vr: str) -> None:
    tags = [tag for tag in public_tags() if tag not in _NEEDED and vr in dictionary_VR(tag).split(" or ")]
    made = make(spliced(tmp_path / "in", [element(tag, vr, (marker(tag) + "^aé").encode() * 3) for tag in tags]))
    assert not made.codes
    leaked = {tag for tag in tags if marker(tag).encode() in made.bytes}
    assert leaked <= kept_numbers(), [keyword_for_tag(tag) for tag in leaked - kept_numbers()]


@pytest.mark.parametrize("vr", ["LT", "UN", "OB", "PN", "ZZ", "UT"])
def test_no_text_hides_behind_a_wrong_vr(tmp_path: Path, make: Maker, vr: str) -> None:
    tags = [tag for tag in by_tag("keep") if tag not in _NEEDED and not {*_TEXT_VRS, "SQ"} & {dictionary_VR(tag)}]
    made = make(spliced(tmp_path / "in", [element(tag, vr, (marker(tag) + "^aéb").encode()) for tag in tags]))
    assert not made.codes
    leaked = {tag for tag in tags if marker(tag).encode() in made.bytes}
    assert leaked <= kept_numbers(), [keyword_for_tag(tag) for tag in leaked - kept_numbers()]


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_no_text_attribute_leaks_out_of_a_nested_sequence(tmp_path: Path, make: Maker, depth: int) -> None:
    texts = [tag for tag in public_tags() if dictionary_VR(tag) in _TEXT_VRS]
    content = b"".join(element(tag, dictionary_VR(tag), marker(tag).encode()) for tag in sorted(texts))
    for _ in range(depth):
        content = element(_SHARED_GROUPS, "SQ", item(content))
    made = make(spliced(tmp_path / "in", [content]))
    assert not made.codes
    leaked = {tag for tag in texts if marker(tag).encode() in made.bytes}
    assert not leaked, [keyword_for_tag(tag) for tag in leaked]


def test_fifty_nine_strings_planted_in_usual_and_odd_places_are_gone(tmp_path: Path, make: Maker) -> None:
    image = slice_of(
        PatientName=PLANTED[0],
        PatientBirthDate=PLANTED[49],
        OtherPatientIDs=[PLANTED[30], PLANTED[31]],
        PatientAddress=PLANTED[20],
        PatientTelephoneNumbers=PLANTED[40],
        StudyDescription=PLANTED[1],
        SeriesDescription=PLANTED[2],
        PatientComments=PLANTED[3],
        ImageComments=PLANTED[4],
        InstitutionName=PLANTED[21],
        InstitutionAddress=PLANTED[22],
        OperatorsName=PLANTED[5],
        ContrastBolusAgent=PLANTED[6],
        AccessionNumber=PLANTED[32],
        StudyID=PLANTED[33],
        OtherPatientNames=PLANTED[7],
        ProtocolName=PLANTED[8],
        ContentLabel="PLNT",
        SpecificCharacterSet="ISO_IR 192",
    )
    for n, keyword in enumerate(("AnatomicRegionSequence", "SourceImageSequence", "ProcedureCodeSequence"), 9):
        inner = Dataset()
        inner.CodeValue, inner.CodingSchemeDesignator, inner.CodeMeaning = "1", "99HOP", PLANTED[n]
        inner.PatientName, inner.PatientID, inner.StudyDate = PLANTED[n + 3], PLANTED[34], PLANTED[50]
        deeper = Dataset()
        deeper.PatientName, deeper.TextValue, deeper.DocumentTitle = PLANTED[n + 6], PLANTED[18], PLANTED[19]
        inner.PurposeOfReferenceCodeSequence = [deeper]
        setattr(image, keyword, [inner])
    block = image.private_block(0x0029, PLANTED[23], create=True)
    block.add_new(0x01, "PN", PLANTED[24])
    block.add_new(0x02, "UN", PLANTED[25].encode())
    private = Dataset()
    private.PatientName = PLANTED[26]
    block.add_new(0x03, "SQ", [private])
    nested = image.SourceImageSequence[0].private_block(0x0011, PLANTED[27], create=True)
    nested.add_new(0x10, "LT", PLANTED[28])
    image.add_new(0x60000010, "US", 8)
    image.add_new(0x60000022, "LO", PLANTED[29])
    image.add_new(0x60003000, "OW", PLANTED[35].encode())
    image.add_new(0x50003000, "OW", PLANTED[36].encode())
    image.add_new(0x00204000, "LT", "\n".join((*PLANTED[37:40], *PLANTED[41:49], *PLANTED[51:])))
    image.file_meta.SourceApplicationEntityTitle = "PLNTDAE"
    image.file_meta.PrivateInformationCreatorUID = "1.2.3"
    image.file_meta.PrivateInformation = PLANTED[9].encode()
    image.file_meta.ImplementationVersionName = "PLNTDIMPL"
    image.preamble = PLANTED[10].encode().ljust(128, b"\0")
    source = written(image, tmp_path / "in")
    tail = element(0x7FE10010, "LO", PLANTED[11].encode()) + element(0xFFFCFFFC, "OB", PLANTED[12].encode() * 9)
    source.write_bytes(source.read_bytes() + tail + PLANTED[13].encode())
    made = make(source)
    assert not made.codes
    assert len(set(PLANTED)) == 59
    assert survivors(source.read_bytes(), (*PLANTED, "PLNTDAE", "PLNTDIMPL")), "nothing was planted"
    assert not survivors(made.bytes, (*PLANTED, "PLNTDAE", "PLNTDIMPL", "IPP0012345", "PLNT"))


def test_text_behind_the_image_inside_the_pixel_data_is_cut(tmp_path: Path, make: Maker) -> None:
    image = slice_of()
    image.PixelData += b"VERCINGETORIX OF ALESIA "
    made = make(image)
    assert b"VERCINGETORIX" not in made.bytes
    assert made.dataset.PixelData == image.PixelData[:128]


def test_the_icon_that_nobody_scanned_is_gone(tmp_path: Path, make: Maker) -> None:
    icon = Dataset()
    icon.Rows = icon.Columns = 4
    icon.PixelData = b"VERCINGETORIX!!!"
    icon["PixelData"].VR = "OB"
    assert b"VERCINGETORIX" not in make(slice_of(IconImageSequence=[icon])).bytes


@pytest.mark.parametrize("path", list(bundled_files()), ids=lambda path: path.name)
def test_no_identifier_of_a_real_file_stands_in_its_safe_copy(path: Path, make: Maker) -> None:
    made = make(path)
    if made.safe is None or made.safe.findings:
        assert made.codes, "refused without a finding"
        return
    found = [one.value for one in made.harvest.identifiers if len(one.value) > 7]
    assert not survivors(made.bytes, tuple(found))
