"""What is collected, and how it is made safe: the rules of each kind of data."""

import unicodedata
from typing import Literal

from pydantic import Field, model_validator

from collecte.challenge.fields import Count, Model, Text
from collecte.configfile import wrong

Kind = Literal["dicom", "table"]

DicomOption = Literal[
    "retain_longitudinal_modified_dates",
    "retain_patient_characteristics",
    "retain_device_identity",
    "retain_institution_identity",
]


class DicomRules(Model):
    """How DICOM is made safe: PS3.15, annex E."""

    profile: Literal["basic"] = Field(default="basic", description="Basic Application Confidentiality Profile (E.2).")
    options: tuple[DicomOption, ...] = Field(
        default=("retain_longitudinal_modified_dates", "retain_patient_characteristics"),
        description="Options of PS3.15 E.3. Dates are shifted per subject, never kept.",
        examples=["[retain_longitudinal_modified_dates, retain_patient_characteristics]"],
    )
    burned_in_annotation: Literal["quarantine", "accept"] = Field(
        default="quarantine",
        description="What becomes of images that declare BurnedInAnnotation = YES. Accept: only after a person looked.",
    )


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
