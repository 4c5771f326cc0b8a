"""A challenge: one YAML file, read into frozen models.

Every field says its unit, its default and why. :func:`load` gives the challenge or every error at once, each with line,
key and remedy. The file holds no secret: keys and connections stand in it by reference only.
"""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$", description="Lower-case letters, digits and hyphens.")]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Kind = Literal["dicom", "table"]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Bilingual(Model):
    fr: str
    en: str


class Contact(Model):
    """A person or a desk that answers."""

    name: str
    email: Email


class Period(Model):
    """Both days belong to it."""

    start: date
    end: date

    @model_validator(mode="after")
    def _ordered(self) -> "Period":
        if self.end < self.start:
            raise ValueError("the end lies before the start; exchange them, or correct one")
        return self

    def holds(self, day: date) -> bool:
        return self.start <= day <= self.end


class Dates(Model):
    collection: Period = Field(description="Deliveries are collected from the first to the last of these days.")
    competition: Period
    embargo: date = Field(description="The Open Data export is refused before this day.")


class KeysReference(Model):
    """Where the challenge's key file is: exactly one of the three. Never the keys themselves."""

    file: Path | None = Field(None, description="A path, such as a mounted secret.")
    env: str | None = Field(None, description="An environment variable that holds the path of the key file.")
    connection: str | None = Field(None, description="An Airflow connection whose password is the key file's content.")

    @model_validator(mode="after")
    def _one(self) -> "KeysReference":
        if sum(value is not None for value in (self.file, self.env, self.connection)) != 1:
            raise ValueError("give exactly one of file, env and connection")
        return self


class Place(Model):
    """A folder or prefix behind a connection."""

    connection: Id | str = Field(description="Id of an Airflow connection (SFTP, AWS or file); its secrets stay there.")
    path: str = Field(description="SFTP: a folder. S3: bucket/prefix. file: a folder.")


DicomOption = Literal[
    "retain_longitudinal_modified_dates",
    "retain_patient_characteristics",
    "retain_device_identity",
    "retain_institution_identity",
]


class DicomRules(Model):
    """How DICOM is made safe: PS3.15, annex E."""

    profile: Literal["basic"] = Field("basic", description="Basic Application Confidentiality Profile (E.2).")
    options: tuple[DicomOption, ...] = Field(
        ("retain_longitudinal_modified_dates", "retain_patient_characteristics"),
        description="Options of PS3.15 E.3. Dates are shifted per subject, never kept.",
    )
    burned_in_annotation: Literal["quarantine", "accept"] = Field(
        "quarantine", description="What becomes of images that declare BurnedInAnnotation = YES. Accept: only after a person looked."
    )


class Column(Model):
    """What becomes of one column of a table. ``names`` are compared without case, accents and punctuation."""

    names: tuple[str, ...] = Field(min_length=1)
    action: Literal["pseudonym", "reference", "label", "keep", "date", "age", "text", "drop"] = Field(
        description=(
            "pseudonym: patient identifier → subject. reference: a file name, UID or accession number → the replacement "
            "of the image it names. label: ground truth, kept. keep: kept. date: shifted with its subject. "
            "age: years, capped. text: kept where a scan finds nothing that identifies. drop: removed."
        )
    )
    refers_to: Literal["file", "uid", "accession"] | None = Field(None, description="With action reference.")
    values: tuple[str, ...] | None = Field(None, description="With keep or label: the only values let through.")

    @model_validator(mode="after")
    def _combination(self) -> "Column":
        if (self.action == "reference") != (self.refers_to is not None):
            raise ValueError("refers_to goes with action: reference, and only with it; say file, uid or accession")
        if self.values is not None and self.action not in ("keep", "label"):
            raise ValueError("values goes with action keep or label only")
        return self


class TableRules(Model):
    """How CSV tables are made safe: by column; a column that no rule names is dropped and reported."""

    columns: tuple[Column, ...] = Field(min_length=1)
    age_cap: int = Field(89, ge=18, le=120, description="Years; older ages become this and one, with a plus (`90+`).")


class Kinds(Model):
    """The kinds of data of the challenge, each with its rules. A kind that is absent is not collected."""

    dicom: DicomRules | None = None
    table: TableRules | None = None

    @property
    def allowed(self) -> frozenset[str]:
        return frozenset(kind for kind, rules in self if rules is not None)


class Arrival(Model):
    """When is a delivery complete? By its manifest, by a marker file, or by quiet."""

    quiet_minutes: int = Field(60, ge=0, description="Minutes without any change, seen by our own clock, that make a delivery complete.")
    marker_names: tuple[str, ...] = Field((".done", "_SUCCESS", "FIN.txt"), description="A file of this name says: complete.")


class ArchiveLimits(Model):
    """What an archive may unpack to; beyond it, the archive goes to quarantine whole."""

    members: int = Field(100_000, ge=1)
    bytes: int = Field(200_000_000_000, ge=1, description="Bytes, unpacked.")
    ratio: int = Field(200, ge=1, description="Unpacked bytes for each packed byte.")


class Quality(Model):
    """Thresholds of the suites in expectations/; a suite reads them as evaluation parameters."""

    min_rows: int = Field(1, ge=0, description="Pixels: fewest rows and columns of an image.")
    max_rows: int = Field(200_000, ge=1)
    pixel_spacing_mm: tuple[float, float] = (0.0001, 50.0)
    earliest_study: date = Field(date(1970, 1, 1), description="As shifted.")


class Retention(Model):
    """How long landing keeps what. Days."""

    landing_days: int = Field(90, ge=1, description="After a delivery was shipped.")
    quarantine_days: int = Field(180, ge=1, description="After a file was refused.")


class Agreement(Model):
    """The clauses under which a centre's data may be collected. Without them in force, nothing is."""

    reference: str
    signed: date
    ends: date
    kinds: tuple[Kind, ...] = Field(min_length=1)
    purposes: tuple[Literal["challenge", "open_data"], ...] = Field(min_length=1)
    controller: str = Field(description="The data controller, as the agreement names it.")
    legal_basis: str = Field(description="Reference methodology or legal basis: MR-004, GDPR 6.1.e…")
    authorisation: str = Field(description="Reference of the CNIL authorisation or of the impact assessment.")
    data_protection_contact: Contact
    patient_notice: Annotated[str, Field(pattern=r"^https?://", description="URL of the information notice.")]
    received_as: Literal["identifying", "coded"] = Field(
        description="coded: the centre promised to send no direct identifier; one that is met is an incident."
    )

    @model_validator(mode="after")
    def _ordered(self) -> "Agreement":
        if self.ends < self.signed:
            raise ValueError("the agreement ends before it was signed; correct ends or signed")
        return self


class Promise(Model):
    """What the centre announced."""

    kind: Kind
    files: int = Field(ge=1)
    by: date


class Centre(Model):
    """One contributing hospital."""

    id: Id
    name: str
    language: Literal["fr", "en"] = "fr"
    contacts: tuple[Contact, ...] = Field(min_length=1)
    issuer: str = Field(description="Issuer of its patient identifiers where a file names none (as tables never do).")
    drop: Place
    schedule: str | None = Field("0 2 * * *", description="Cron, UTC; null: only by hand and on arrival.")
    connections: int = Field(2, ge=1, le=4, description="Connections at once that its server allows us.")
    empty_after_receipt: bool = Field(False, description="Whether received files are removed from the drop.")
    promised: tuple[Promise, ...] = ()
    agreement: Agreement


class Challenge(Model):
    """One data challenge."""

    id: Id
    title: Bilingual
    society: str
    coordinator: Contact
    dates: Dates
    keys: KeysReference
    hdh: Place = Field(description="The HDH bucket: bucket/prefix behind an AWS connection.")
    kinds: Kinds
    refused_file: Literal["holds_object", "holds_itself"] = Field(
        "holds_object", description="Whether one refused file of a series holds the whole series back."
    )
    max_date_shift_days: int = Field(365, ge=1, le=3650)
    arrival: Arrival = Arrival()
    archives: ArchiveLimits = ArchiveLimits()
    quality: Quality = Quality()
    retention: Retention = Retention()
    centres: tuple[Centre, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique_centres(self) -> "Challenge":
        ids = [centre.id for centre in self.centres]
        if twice := sorted({i for i in ids if ids.count(i) > 1}):
            raise ValueError(f"two centres have the id {', '.join(twice)}; give each its own")
        return self

    def centre(self, centre_id: str) -> Centre:
        """The centre of that id.

        Raises:
            KeyError: there is none.
        """
        return next((c for c in self.centres if c.id == centre_id), None) or _no_centre(centre_id)


def _no_centre(centre_id: str) -> Centre:
    raise KeyError(centre_id)
