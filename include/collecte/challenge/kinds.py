"""What is collected, and how it is made safe: the rules of each kind of data."""

import re
import unicodedata
from typing import Literal

from pydantic import Field, model_validator

from collecte.challenge.dicom_values import misfit
from collecte.challenge.fields import Count, Model, Text
from collecte.configfile import wrong

Kind = Literal["dicom", "table"]

#: The options of PS3.15, E.3, by the names of its clauses.
DicomOption = Literal[
    "clean_pixel_data",
    "clean_recognizable_visual_features",
    "clean_graphics",
    "clean_structured_content",
    "clean_descriptors",
    "retain_longitudinal_full_dates",
    "retain_longitudinal_modified_dates",
    "retain_patient_characteristics",
    "retain_device_identity",
    "retain_uids",
    "retain_safe_private",
    "retain_institution_identity",
]


class AttributeRule(Model):
    """What becomes of one DICOM attribute, at every depth, before the profile and its options are asked."""

    attribute: Text = Field(
        description="Keyword or tag of the dictionary; of a private element its tag with `xx` for the block.",
        examples=["SeriesDescription", "(0018,1030)", "(0019,xx0C)"],
    )
    creator: Text | None = Field(
        default=None, description="The private creator; with a private element only.", examples=["SIEMENS MR HEADER"]
    )
    action: Literal["keep", "replace", "empty", "remove", "shift", "hash"] = Field(
        description=(
            "keep: as it stands (UIDs are replaced and dates shifted all the same). replace: by `value`. empty, "
            "remove: without its value, or wholly. shift: a date, with its subject. hash: a keyed replacement, the "
            "same wherever the value stands."
        )
    )
    value: Text | None = Field(default=None, description="With action replace.", examples=["THORAX"])

    @model_validator(mode="after")
    def _meant(self) -> "AttributeRule":
        if (self.action == "replace") != (self.value is not None):
            raise wrong("goes with action replace, and action replace needs it", "add or remove value", at="value")
        private = re.fullmatch(r"\(?([0-9A-Fa-f]{3}[13579bdfBDF]),? ?[xX]{2}([0-9A-Fa-f]{2})\)?", self.attribute)
        if private and self.creator is None:
            raise wrong("is private and names no creator", "add creator, as the files have it", at="creator")
        if not private and self.creator is not None:
            remedy = "remove creator, or write xx for the block, which differs from file to file: (0019,xx0C)"
            raise wrong("goes with a private element only", remedy, at="creator")
        if not private and self.tag is None:
            raise wrong(
                f"names the attribute `{self.attribute}`, which is not in the DICOM dictionary",
                "write its keyword (SeriesDescription) or its tag (0008,103E); a private one as (0019,xx0C)",
                at="attribute",
            )
        if self.tag in _OURS_ALONE or (self.tag and self.tag >> 16 in _GROUPS_OURS_ALONE):
            raise wrong("names who the patient is or what the object is", "leave it to the profile", at="attribute")
        if self.keyword in _NAMES_THE_PATIENT and self.action == "keep":
            raise wrong("keeps what names the patient or leads to them", "remove or hash it", at="action")
        if self.keyword in _LAYS_OUT_PIXELS and self.action != "keep":
            raise wrong("changes what the pixels are read by", "leave it to the profile", at="attribute")
        self._fits()
        return self

    def _fits(self) -> None:
        from pydicom.datadict import dictionary_VR

        if self.tag is None:
            return
        troubles = [misfit(self.action, vr, self.value) for vr in dictionary_VR(self.tag).split(" or ")]
        if all(troubles) and troubles[0]:
            raise wrong(*troubles[0], at="value" if self.action == "replace" else "action")

    @property
    def named(self) -> tuple[object, str]:
        """What is ruled, however it is written."""
        return (self.private or self.tag, " ".join((self.creator or "").split()).upper())

    @property
    def tag(self) -> int | None:
        """The tag of a public attribute; None of a private one."""
        from pydicom.datadict import keyword_for_tag, tag_for_keyword

        digits = re.fullmatch(r"\(?([0-9A-Fa-f]{4}),? ?([0-9A-Fa-f]{4})\)?", self.attribute)
        if digits is None:
            return tag_for_keyword(self.attribute)
        tag = int(digits[1] + digits[2], 16)
        return tag if keyword_for_tag(tag) else None

    @property
    def keyword(self) -> str:
        """The keyword of a public attribute; empty of a private one."""
        from pydicom.datadict import keyword_for_tag

        return keyword_for_tag(self.tag) if self.tag else ""

    @property
    def private(self) -> tuple[int, int] | None:
        """Group and last byte of the element number of a private element; None of a public one."""
        digits = re.fullmatch(r"\(?([0-9A-Fa-f]{4}),? ?[xX]{2}([0-9A-Fa-f]{2})\)?", self.attribute)
        return (int(digits[1], 16), int(digits[2], 16)) if digits else None


#: PatientName, PatientID, SOPClassUID, SOPInstanceUID, StudyInstanceUID, SeriesInstanceUID, and what we stamp.
_OURS_ALONE = frozenset(
    (0x00100010, 0x00100020, 0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00120062, 0x00120063, 0x00120064)
)
#: What is never kept as it stands (PS3.3, C.2.2 and C.2.3), and what no rule changes (C.7.6.3).
_NAMES_THE_PATIENT = frozenset(
    (
        *("PatientBirthDate", "PatientBirthDateInAlternativeCalendar", "PatientDeathDateInAlternativeCalendar"),
        *("OtherPatientIDs", "OtherPatientIDsSequence", "OtherPatientNames", "PatientBirthName"),
        *("PatientAddress", "PatientTelephoneNumbers", "PatientTelecomInformation", "PatientMotherBirthName"),
        *("InsurancePlanIdentification", "ResponsiblePerson", "MedicalRecordLocator", "IssuerOfPatientID"),
        *("PatientInstitutionResidence", "PersonName"),
        *("AdmissionID", "ClinicalTrialSubjectID", "ClinicalTrialSubjectReadingID", "PatientBirthTime"),
    )
)
_LAYS_OUT_PIXELS = frozenset(
    (
        *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration"),
        *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    )
)
#: The file meta information, and the pixels.
_GROUPS_OURS_ALONE = frozenset((0x0002, 0x7FE0))


class DeviceLayout(Model):
    """Where a device writes into its images."""

    manufacturer: Text = Field(description="Manufacturer (0008,0070), compared without case.", examples=["ACME"])
    model: Text | None = Field(default=None, description="ManufacturerModelName; absent: every model.")
    rows: Count = Field(ge=1, description="Rows of the image.", examples=["768"])
    columns: Count = Field(ge=1, description="Columns of the image.", examples=["1024"])
    boxes: tuple[tuple[Count, Count, Count, Count], ...] = Field(
        min_length=1, description="Boxes to mask: left, top, right, bottom, in pixels.", examples=["[[0, 0, 1024, 60]]"]
    )

    @model_validator(mode="after")
    def _inside(self) -> "DeviceLayout":
        for index, (left, top, right, bottom) in enumerate(self.boxes):
            if not (left < right <= self.columns and top < bottom <= self.rows):
                raise wrong(
                    "is no box inside the image",
                    "write left, top, right, bottom, each pair ascending, and none beyond columns and rows",
                    at=f"boxes.{index}",
                )
        return self


class TextInPixels(Model):
    """What becomes of text that is burned into images."""

    found: Literal["mask", "quarantine"] = Field(
        default="quarantine", description="Mask it, look again, and let the image through; or hold the image back."
    )
    share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description=(
            "Share of the images of other classes that are looked at as well, besides one of each series; ultrasound, "
            "secondary capture, angiography, endoscopy and whatever declares text are always looked at."
        ),
        examples=["0.05"],
    )
    layouts: tuple[DeviceLayout, ...] = Field(
        default=(), description="Where devices write, beside the layouts that are known; masked unseen."
    )


class DicomRules(Model):
    """How DICOM is made safe: PS3.15, annex E."""

    profile: Literal["basic"] = Field(default="basic", description="Basic Application Confidentiality Profile (E.2).")
    options: tuple[DicomOption, ...] = Field(
        default=("retain_longitudinal_modified_dates", "retain_patient_characteristics"),
        description=(
            "Options of PS3.15 E.3. With modified dates they are shifted per subject. clean_pixel_data needs "
            "`text_in_pixels: {found: mask, share: 1}`."
        ),
        examples=["[retain_longitudinal_modified_dates, retain_patient_characteristics]"],
    )
    attributes: tuple[AttributeRule, ...] = Field(
        default=(),
        description="The challenge's own rules for single attributes; they come before profile and options.",
        examples=["[{attribute: SeriesDescription, action: keep}]"],
    )
    text_in_pixels: TextInPixels = Field(
        default_factory=TextInPixels, description="Text that is burned into images; `{}` takes the defaults."
    )

    @model_validator(mode="after")
    def _combination(self) -> "DicomRules":
        if repeated := [name for index, name in enumerate(self.options) if name in self.options[:index]]:
            raise wrong(f"names {repeated[0]} twice", "name each option once", at="options")
        if {"retain_longitudinal_full_dates", "retain_longitudinal_modified_dates"} <= set(self.options):
            raise wrong("keeps dates as they are and shifts them", "choose one of the two options", at="options")
        for index, rule in enumerate(self.attributes):
            if rule.action == "shift" and "retain_longitudinal_full_dates" in self.options:
                raise wrong(
                    "shifts one date where all others stay as they are, and so tells how far the patient's dates move",
                    "remove the rule, or the option retain_longitudinal_full_dates",
                    at=f"attributes.{index}.action",
                )
        looked = "text_in_pixels" in self.model_fields_set and self.text_in_pixels.share == 1
        if "clean_pixel_data" in self.options and not (looked and self.text_in_pixels.found == "mask"):
            raise wrong(  # PS3.15, E.3.1 speaks of whatever is burned in, in any image
                "has clean_pixel_data, yet text is not looked for in every image and masked",
                "add `text_in_pixels: {found: mask, share: 1}` beside it, or remove the option",
                at="options",
            )
        named = [rule.named for rule in self.attributes]
        for index, name in enumerate(named):
            if name in named[:index]:
                raise wrong("is ruled twice", "keep one of the two rules", at=f"attributes.{index}.attribute")
        return self


class Column(Model):
    """What becomes of one column of a table. ``names`` are compared without case, accents and punctuation."""

    names: tuple[Text, ...] = Field(
        min_length=1, description="Headers that mean this column.", examples=["[ipp, id_patient]"]
    )
    action: Literal["pseudonym", "reference", "label", "keep", "date", "age", "text", "drop"] = Field(
        description=(
            "pseudonym: patient identifier → subject. reference: a file name, UID or accession number → the "
            "replacement of the image it names. label: ground truth, kept. keep: kept. date: shifted with its "
            "subject. age: years, capped. text: kept where a scan finds nothing that identifies. drop: removed."
        ),
        examples=["pseudonym"],
    )
    refers_to: Literal["file", "uid", "accession"] | None = Field(
        default=None, description="With action reference.", examples=["file"]
    )
    values: tuple[str, ...] | None = Field(
        default=None,
        description="With keep or label: the only values let through, as text in quotes.",
        examples=['["0", "1", "2"]'],
    )

    @model_validator(mode="after")
    def _combination(self) -> "Column":
        if self.action == "reference" and self.refers_to is None:
            raise wrong("does not say what it refers to", "add refers_to: file, uid or accession", at="action")
        if self.action != "reference" and self.refers_to is not None:
            raise wrong("goes with action reference only", "remove refers_to, or change the action", at="refers_to")
        if self.values is not None and self.action not in ("keep", "label"):
            raise wrong("goes with action keep or label only", "remove values, or change the action", at="values")
        return self


def header_key(name: str) -> str:
    """A column's name as it is compared: without case, accents and punctuation (``N° d'IPP`` → ``ndipp``)."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(c for c in plain if c.isalnum())


class TableRules(Model):
    """How CSV tables are made safe: by column; a column that no rule names is dropped and reported."""

    columns: tuple[Column, ...] = Field(min_length=1, description="The columns that may leave, and how.")
    age_cap: Count = Field(
        default=89,
        ge=18,
        le=120,
        description="Years; older ages become this and one, with a plus (`90+`).",
        examples=["89"],
    )

    @model_validator(mode="after")
    def _one_rule_a_name(self) -> "TableRules":
        first: dict[str, int] = {}
        for index, column in enumerate(self.columns):
            for name in column.names:
                if first.setdefault(header_key(name), index) != index:
                    raise wrong(
                        f"the name `{name}` stands in columns[{first[header_key(name)]}] too; capitals, accents and "
                        "punctuation do not count",
                        "keep it in one of the two",
                        at=f"columns.{index}.names",
                    )
        return self


class Kinds(Model):
    """The kinds of data of the challenge, each with its rules. A kind that is absent is not collected."""

    dicom: DicomRules | None = Field(default=None, description="DICOM files; `dicom: {}` takes the defaults.")
    table: TableRules | None = Field(default=None, description="CSV tables, by column.")

    @model_validator(mode="after")
    def _some(self) -> "Kinds":
        if not self.allowed:
            raise wrong("names no kind of data", f"add one of {', '.join(Kinds.model_fields)}, as in `dicom: {{}}`")
        return self

    @property
    def allowed(self) -> frozenset[str]:
        """The kinds that the challenge collects."""
        return frozenset(kind for kind, rules in self if rules is not None)
