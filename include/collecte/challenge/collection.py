"""How and from whom data are collected: arrival, limits, thresholds, retention, agreements, centres."""

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from collecte.challenge.fields import (
    Contact,
    Count,
    Cron,
    Day,
    Id,
    Language,
    Minutes,
    Model,
    Place,
    Text,
    Url,
    issuer_key,
)
from collecte.challenge.kinds import Kind
from collecte.challenge.release import Region
from collecte.configfile import wrong


class Arrival(Model):
    """When is a delivery complete? By its manifest, by a marker file, or by quiet."""

    quiet_minutes: Count = Field(
        default=60,
        ge=0,
        description="Minutes without any change, seen by our own clock, that make a delivery complete.",
        examples=["60"],
    )
    poll_minutes: Minutes | None = Field(
        default=5,
        ge=0.05,
        le=1440,
        description="Minutes between two looks at each drop; null: no run starts by itself on a delivery.",
        examples=["5"],
    )
    marker_names: tuple[Text, ...] = Field(
        default=(".done", "_SUCCESS", "FIN.txt"),
        description="A file of this name says: complete.",
        examples=["[.done, FIN.txt]"],
    )


class ArchiveLimits(Model):
    """What an archive may unpack to; beyond it, the archive goes to quarantine whole."""

    members: Count = Field(default=100_000, ge=1, description="Files in one archive.", examples=["100000"])
    bytes: Count = Field(default=200_000_000_000, ge=1, description="Bytes, unpacked.", examples=["200000000000"])
    ratio: Count = Field(default=200, ge=1, description="Unpacked bytes for each packed byte.", examples=["200"])


class Quality(Model):
    """Thresholds of the suites in expectations/; a suite reads them as evaluation parameters."""

    min_rows: Count = Field(default=1, ge=0, description="Pixels: fewest rows and columns.", examples=["64"])
    max_rows: Count = Field(default=200_000, ge=1, description="Pixels: most rows and columns.", examples=["4096"])
    pixel_spacing_mm: tuple[float, float] = Field(
        default=(0.0001, 50.0), description="Millimetres: least and greatest pixel spacing.", examples=["[0.05, 5.0]"]
    )
    earliest_study: Day = Field(default=date(1970, 1, 1), description="As shifted.", examples=["2005-01-01"])
    min_table_rows: Count = Field(default=1, ge=0, description="Tables: fewest rows.", examples=["20"])
    max_missing_share: float = Field(
        default=0.5, ge=0, le=1, description="Tables: greatest share of empty cells.", examples=["0.2"]
    )

    @model_validator(mode="after")
    def _ordered(self) -> "Quality":
        if self.min_rows > self.max_rows:
            raise wrong("is larger than max_rows", "exchange them, or correct one", at="min_rows")
        if not 0 <= self.pixel_spacing_mm[0] <= self.pixel_spacing_mm[1]:
            raise wrong("must hold the least, then the greatest spacing", "exchange the two", at="pixel_spacing_mm")
        return self


class Retention(Model):
    """How long landing keeps what. Days."""

    landing_days: Count = Field(default=90, ge=1, description="Days after a delivery was shipped.", examples=["90"])
    quarantine_days: Count = Field(default=180, ge=1, description="Days after a file was refused.", examples=["180"])
    backup_days: Count = Field(
        default=30,
        ge=1,
        description="Days that your backups of zones and catalogue are kept: a recall says when the last copy expires.",
        examples=["30"],
    )


class Report(Model):
    """What the reports may show."""

    smallest_cell: Count = Field(
        default=5,
        ge=2,
        le=100,
        description=(
            "Patients: in tables of patients' characteristics, smaller numbers are masked, since they could point at "
            "somebody. Files and findings are always counted in full."
        ),
        examples=["5"],
    )


class Agreement(Model):
    """The clauses under which a centre's data may be collected. Without them in force, nothing is.

    Four of them may be ``null`` while they are negotiated, so that a centre can be prepared; it is collected once they
    all stand here.
    """

    reference: Text = Field(description="How both sides call it.", examples=["CONV-2026-017"])
    signed: Day | None = Field(description="Day of the last signature; null until then.", examples=["2026-06-15"])
    ends: Day | None = Field(description="Last day in force; null until it is agreed.", examples=["2030-12-31"])
    kinds: tuple[Kind, ...] = Field(
        min_length=1, description="Kinds of data that it covers.", examples=["[dicom, table]"]
    )
    purposes: tuple[Literal["challenge", "open_data"], ...] = Field(
        min_length=1, description="What the data may be used for.", examples=["[challenge, open_data]"]
    )
    regions: tuple[Region, ...] = Field(
        default=("fr", "eu"),
        description="Where the data may be kept: a destination elsewhere is refused.",
        examples=["[fr, eu]"],
    )
    controller: Text = Field(
        description="The data controller, as the agreement names it.", examples=["Centre hospitalier d'Arvel"]
    )
    legal_basis: Text = Field(
        description="Reference methodology or legal basis: MR-004, GDPR 6.1.e…", examples=["MR-004"]
    )
    authorisation: Text | None = Field(
        description="Reference of the CNIL authorisation or of the impact assessment; null until there is one.",
        examples=["AIPD-2026-03"],
    )
    data_protection_contact: Contact = Field(description="Who is told of an incident.")
    patient_notice: Url | None = Field(
        description="URL of the patients' information notice; null until it is published.",
        examples=["https://hopital.example/notice"],
    )
    received_as: Literal["identifying", "coded"] = Field(
        description="coded: the centre promised to send no direct identifier; one that is met is an incident.",
        examples=["identifying"],
    )

    @model_validator(mode="after")
    def _ordered(self) -> "Agreement":
        if self.signed and self.ends and self.ends < self.signed:
            raise wrong("lies before the signature", "correct ends or signed", at="ends")
        return self


class Promise(Model):
    """What the centre announced."""

    kind: Kind = Field(description="Kind of data.", examples=["dicom"])
    files: Count = Field(ge=1, description="How many files.", examples=["1200"])
    by: Day = Field(description="Until when: a day of the collection.", examples=["2027-01-31"])


class IssuerAlias(Model):
    """Another name under which files tell an issuer: the same number under either is one patient."""

    alias: Text = Field(
        description="As the files write it; capitals and spaces do not count.", examples=["CHU-ARVEL-OLD"]
    )
    issuer: Text = Field(description="The issuer that it stands for, which is no alias itself.", examples=["CHU-ARVEL"])


class Centre(Model):
    """One contributing hospital."""

    id: Id = Field(description="Lower-case letters, digits and hyphens; never changed.", examples=["arvel"])
    name: Text = Field(description="As reports name it.", examples=["CHU fictif d'Arvel"])
    language: Language = Field(default="fr", description="Of its feedback: fr or en.", examples=["fr"])
    contacts: tuple[Contact, ...] = Field(min_length=1, description="Who gets its feedback.")
    issuer: Text = Field(
        description="Issuer of its patient identifiers where a file names none, as tables do. Never changed.",
        examples=["CHU-ARVEL"],
    )
    issuers: tuple[IssuerAlias, ...] = Field(
        default=(),
        description=(
            "Other names of issuers, as after a merger of hospitals. Without one, the same number of two issuers is "
            "two patients. None is added or removed once data were collected under it: its subjects would be others."
        ),
    )
    leading_zeros: Literal["ignored", "kept"] = Field(
        default="ignored",
        description=(
            "Whether 0012345 and 12345 are one patient: an identifier of digits alone loses its leading zeros in "
            "spreadsheets. kept: they are two. Never changed once data were collected."
        ),
        examples=["ignored"],
    )
    drop: Place = Field(description="Where it deposits.")
    schedule: Cron | None = Field(
        default="0 2 * * *", description="Cron, UTC; null: only by hand and on arrival.", examples=['"0 2 * * *"']
    )
    connections: Count = Field(
        default=2, ge=1, le=4, description="Connections at once that its server allows us.", examples=["2"]
    )
    empty_after_receipt: bool = Field(
        default=False, description="Whether received files are removed from the drop.", examples=["false"]
    )
    promised: tuple[Promise, ...] = Field(default=(), description="What it announced, by kind and day.")
    agreement: Agreement = Field(description="The clauses under which its data may be collected.")

    @model_validator(mode="after")
    def _issuers_end_somewhere(self) -> "Centre":
        """One step from an alias to its issuer: no chains, so no circles."""
        aliases: dict[str, int] = {}
        for index, one in enumerate(self.issuers):
            if (key := issuer_key(one.alias)) == issuer_key(self.issuer):
                raise wrong(
                    "is the centre's own issuer, which every table means",
                    "let the other name be the alias, and this one the issuer",
                    at=f"issuers.{index}.alias",
                )
            if aliases.setdefault(key, index) != index:
                raise wrong(
                    f"is an alias already, in issuers[{aliases[key]}]", "keep one of them", at=f"issuers.{index}.alias"
                )
        for index, one in enumerate(self.issuers):
            if (other := aliases.get(issuer_key(one.issuer))) is not None:
                raise wrong(
                    f"is itself an alias, in issuers[{other}]",
                    "name the issuer that this one stands for in the end",
                    at=f"issuers.{index}.issuer",
                )
        return self
