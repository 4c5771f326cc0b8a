"""A challenge: one YAML file, read into frozen models.

Every field says its unit, its default and why. :func:`load` gives the challenge or every error at once, each with line,
key and remedy. The file holds no secret: keys and connections stand in it by reference only.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from collecte import configfile
from collecte.configfile import Document, Location, wrong
from collecte.configfile import Problem as Problem
from collecte.errors import NeedsPerson

SCHEMA_NAME = "challenge.schema.json"

Kind = Literal["dicom", "table"]
Language = Literal["fr", "en"]


def _day(value: object) -> object:
    """A number is no day: pydantic would read it as seconds since 1970."""
    if isinstance(value, (int, float)):
        raise wrong("is a number and no day of the calendar", "write year, month, day, with hyphens: 2026-09-30")
    return value


_CRON_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_CRON_PART = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/([1-9]\d?))?")
_CRON_REMEDY = "write minute, hour, day, month and weekday, as in `0 2 * * *` (each night at 2), or null for never"


def _cron(text: str) -> str:
    fields = text.split()
    if len(fields) != len(_CRON_FIELDS):
        raise wrong(f"a schedule has five fields, and this one has {len(fields)}", _CRON_REMEDY)
    for field, (name, least, most) in zip(fields, _CRON_FIELDS, strict=True):
        for part in field.split(","):
            found = _CRON_PART.fullmatch(part)
            numbers = [int(number) for number in (found.group(1, 2) if found else ()) if number]
            if not found or numbers != sorted(numbers) or not all(least <= number <= most for number in numbers):
                raise wrong(f"its {name} must lie between {least} and {most}, or be *", _CRON_REMEDY)
    return text


def _path(text: str) -> str:
    if "://" in text:
        raise wrong(
            "is an address, and only the path belongs here",
            "put the host and the login into the Airflow connection, and leave the folder or bucket/prefix here",
        )
    if ".." in text.split("/"):
        raise wrong("leads upwards with `..`", "write the whole folder, as in /depot/arvel")
    return text


Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
ConnectionId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Url = Annotated[str, Field(pattern=r"^https?://[^\s@]+$")]
Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Day = Annotated[date, BeforeValidator(_day)]
Count = Annotated[int, Field(strict=True)]
Minutes = Annotated[float, Field(strict=True)]
PathText = Annotated[str, Field(min_length=1), AfterValidator(_path)]
Cron = Annotated[str, AfterValidator(_cron)]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Bilingual(Model):
    """A text in both languages."""

    fr: Text = Field(description="French.", examples=['"Cancer du col de l\'utérus"'])
    en: Text = Field(description="English.", examples=['"Cancer of the cervix"'])


class Contact(Model):
    """A person or a desk that answers."""

    name: Text = Field(description="Who answers.", examples=["Dr Alice Exemple"])
    email: Email = Field(description="Where reports and notices go.", examples=["alice.exemple@hopital.example"])
    phone: Text | None = Field(
        default=None, description="In quotes, for urgent matters.", examples=['"+33 1 99 00 00 00"']
    )
    role: Text | None = Field(default=None, description="What they do.", examples=["data manager, radiology"])


class Period(Model):
    """Both days belong to it."""

    start: Day = Field(description="First day.", examples=["2026-09-01"])
    end: Day = Field(description="Last day.", examples=["2027-03-31"])

    @model_validator(mode="after")
    def _ordered(self) -> "Period":
        if self.end < self.start:
            raise wrong("lies before the start", "exchange start and end, or correct one of them", at="end")
        return self

    def holds(self, day: date) -> bool:
        """Whether ``day`` is one of its days."""
        return self.start <= day <= self.end


class Dates(Model):
    """When what happens."""

    collection: Period = Field(description="Deliveries are collected from the first to the last of these days.")
    competition: Period = Field(description="The competition runs from the first to the last of these days.")
    embargo: Day = Field(description="The Open Data export is refused before this day.", examples=["2028-01-01"])

    @model_validator(mode="after")
    def _after_competition(self) -> "Dates":
        if self.embargo < self.competition.end:
            raise wrong(
                f"lies before the competition's last day ({self.competition.end}): the hidden labels would be public",
                "set a later embargo, or end the competition earlier",
                at="embargo",
            )
        return self


class KeysReference(Model):
    """Where the challenge's key file is: exactly one of the three. Never the keys themselves."""

    file: Path | None = Field(
        default=None, description="A path, such as a mounted secret.", examples=["/run/secrets/keys_col2027"]
    )
    env: Text | None = Field(
        default=None,
        description="An environment variable that holds the path of the key file.",
        examples=["COLLECTE_KEYS_COL2027"],
    )
    connection: ConnectionId | None = Field(
        default=None,
        description="An Airflow connection whose password is the key file's content.",
        examples=["keys_col2027"],
    )

    @model_validator(mode="after")
    def _one(self) -> "KeysReference":
        given = [name for name, value in self if value is not None]
        if len(given) != 1:
            raise wrong(
                f"names {len(given)} places of the key file ({', '.join(given) or 'none'}), and must name one",
                "keep exactly one of file, env and connection, as in `env: COLLECTE_KEYS_COL2027`",
            )
        return self


class Place(Model):
    """A folder or prefix behind a connection."""

    connection: ConnectionId = Field(
        description="Id of an Airflow connection (SFTP, AWS or file); host, login and secrets stay there.",
        examples=["sftp_arvel"],
    )
    path: PathText = Field(description="SFTP: a folder. S3: bucket/prefix. file: a folder.", examples=["/depot"])

    @property
    def _parts(self) -> tuple[str, ...]:
        return self.connection, *(part for part in self.path.split("/") if part not in ("", "."))

    def overlaps(self, other: "Place") -> bool:
        """Whether one of the two lies in the other (or is it)."""
        shorter, longer = sorted((self._parts, other._parts), key=len)
        return longer[: len(shorter)] == shorter


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


class Challenge(Model):
    """One data challenge."""

    id: Id = Field(
        description="The file's name without .yaml; lower-case letters, digits, hyphens.", examples=["col-2027"]
    )
    title: Bilingual = Field(description="As reports and pages name it.")
    society: Text = Field(
        description="The learned society that carries it.", examples=["Société française de pathologie"]
    )
    coordinator: Contact = Field(description="Gets the reports, approves releases.")
    contacts: tuple[Contact, ...] = Field(default=(), description="Who gets the coordinator's reports too.")
    dates: Dates = Field(description="Collection, competition, embargo.")
    keys: KeysReference = Field(description="Where its key file is; never the keys.")
    hdh: Place = Field(description="The HDH bucket: bucket/prefix behind an AWS connection.")
    kinds: Kinds = Field(description="What is collected, and how it is made safe.")
    refused_file: Literal["holds_object", "holds_itself"] = Field(
        default="holds_object",
        description="Whether one refused file of a series holds the whole series back.",
        examples=["holds_object"],
    )
    max_date_shift_days: Count = Field(
        default=365,
        ge=1,
        le=3650,
        description="Dates move back by 1 to this many days. Never changed once data were collected.",
        examples=["365"],
    )
    arrival: Arrival = Field(default=Arrival(), description="When a delivery is complete.")
    archives: ArchiveLimits = Field(default=ArchiveLimits(), description="What an archive may unpack to.")
    quality: Quality = Field(default=Quality(), description="Thresholds of the checks.")
    retention: Retention = Field(default=Retention(), description="How long landing keeps what.")
    report: Report = Field(default=Report(), description="What the reports may show of patients.")
    centres: tuple[Centre, ...] = Field(min_length=1, description="One block for each hospital.")

    @model_validator(mode="after")
    def _agrees(self) -> "Challenge":
        parts = _Parts(
            self.dates,
            self.kinds,
            self.hdh,
            {
                i: _CentreParts(c.id, c.drop, dict(enumerate(c.promised)), c.agreement)
                for i, c in enumerate(self.centres)
            },
        )
        if found := list(_contradictions(parts)):
            raise PydanticCustomError(
                "contradictions",
                "{said}",
                {"said": "; ".join(f"{configfile.dotted(at)} {what}" for at, what, _ in found)},
            )
        return self

    def centre(self, centre_id: str) -> Centre:
        """The centre of that id.

        Raises:
            KeyError: there is none.
        """
        for centre in self.centres:
            if centre.id == centre_id:
                return centre
        raise KeyError(centre_id)


class ChallengeError(NeedsPerson):
    """A challenge file that cannot be used: all that is wrong with it, in the order of its lines."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        file = problems[0].file
        errors = "1 error" if len(problems) == 1 else f"{len(problems)} errors"
        super().__init__(
            "\n".join((f"The challenge file {file} cannot be used; it has {errors}:", *map(str, problems))) + "\n",
            f"correct it; `collecte challenge check {file}` looks again.",
        )

    def __reduce__(self) -> tuple[type["ChallengeError"], tuple[tuple[Problem, ...]]]:  # type: ignore[override]
        return type(self), (self.problems,)


def load(path: Path) -> Challenge:
    """The challenge in a file. Reads that file and nothing else: no environment, no network.

    Raises:
        ChallengeError: anything is wrong with it; it carries every problem.
    """
    document, problems = configfile.read(path)
    if document is None:
        raise ChallengeError(tuple(problems))
    if isinstance(document.data, dict) and (stray := _other_id(document, path)):
        problems.append(stray)
    try:
        challenge = Challenge.model_validate(document.data)
    except ValidationError as error:
        # Of a value that is a secret, nothing more is said.
        told = {problem.key for problem in problems}
        problems += [problem for problem in _all_problems(document, error) if problem.key not in told]
    else:
        if not problems:
            return challenge
    raise ChallengeError(tuple(sorted(set(problems), key=lambda p: (p.line, p.key, p.message))))


def load_all(folder: Path) -> tuple[dict[str, Challenge], list[ChallengeError]]:
    """Every challenge of a folder by id, in the order of their ids, and the broken files apart: they stop no other.

    Raises:
        NeedsPerson: there is no such folder.
    """
    if not folder.is_dir():
        raise NeedsPerson(
            f"There is no folder of challenges {folder}.", "make it, or correct COLLECTE_CHALLENGES, which names it."
        )
    challenges: dict[str, Challenge] = {}
    broken: list[ChallengeError] = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".yml":
            remedy = f"rename it to {path.stem}.yaml; other names are not read."
            broken.append(ChallengeError((Problem(str(path), 1, "", "is a file whose name ends in .yml.", remedy),)))
        elif path.suffix == ".yaml" and not path.name.startswith("."):
            try:
                challenges[path.stem] = load(path)
            except ChallengeError as error:
                broken.append(error)
    return challenges, broken


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a challenge file, for editors and for `make check`."""
    schema = Challenge.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


# --- what no single block can see


@dataclass(frozen=True)
class _CentreParts:
    id: str
    drop: Place | None
    promised: Mapping[int, Promise]
    agreement: Agreement | None


@dataclass(frozen=True)
class _Parts:
    """The blocks of a file that are right in themselves; the others are None or absent, by their place in the list."""

    dates: Dates | None
    kinds: Kinds | None
    hdh: Place | None
    centres: Mapping[int, _CentreParts]


_Contradiction = tuple[Location, str, str]
_M = TypeVar("_M", bound=BaseModel)


def _contradictions(parts: _Parts) -> Iterator[_Contradiction]:
    """Where, what, remedy: of blocks that are right in themselves and do not agree."""
    seen: dict[str, int] = {}
    for index, centre in parts.centres.items():
        if centre.id and seen.setdefault(centre.id, index) != index:
            yield ("centres", index, "id"), f"is the id of centres[{seen[centre.id]}] too", "give each centre its own"
        for number, promise in centre.promised.items():
            at = ("centres", index, "promised", number)
            yield from ((at + where, what, remedy) for where, what, remedy in _of_promise(promise, centre, parts))
    yield from _of_drops(parts)


def _of_promise(promise: Promise, centre: _CentreParts, parts: _Parts) -> Iterator[_Contradiction]:
    if parts.kinds and promise.kind not in parts.kinds.allowed:
        remedy = f"remove the promise, or add {promise.kind} to the challenge's kinds"
        yield ("kind",), f"`{promise.kind}` is no kind of this challenge", remedy
    if centre.agreement and promise.kind not in centre.agreement.kinds:
        remedy = f"add {promise.kind} to agreement.kinds once the agreement says so, or remove the promise"
        yield ("kind",), f"`{promise.kind}` is not covered by this centre's agreement", remedy
    if parts.dates and not parts.dates.collection.holds(promise.by):
        days = parts.dates.collection
        yield ("by",), f"{promise.by} lies outside the collection", f"choose a day from {days.start} to {days.end}"
    elif centre.agreement and centre.agreement.ends and centre.agreement.ends < promise.by:
        remedy = f"choose a day until {centre.agreement.ends}, or prolong the agreement"
        yield ("by",), f"{promise.by} lies after the end of this centre's agreement", remedy


def _of_drops(parts: _Parts) -> Iterator[_Contradiction]:
    """Data in two centres' drops would belong to both; a drop that holds the bucket would collect what was shipped."""
    remedy = "give each place a folder of its own, beside the others"
    before: list[tuple[str, Place]] = [("hdh", parts.hdh)] if parts.hdh else []
    for index, centre in parts.centres.items():
        if centre.drop is None:
            continue
        for name, place in before:
            if centre.drop.overlaps(place):
                yield ("centres", index, "drop"), f"lies in {name}, or holds it, or is the same place", remedy
        before.append((f"centres[{index}].drop", centre.drop))


def _all_problems(document: Document, error: ValidationError) -> list[Problem]:
    own = configfile.explain(document, Challenge, error)
    parts = _sound_parts(document.data if isinstance(document.data, dict) else {})
    return own + [document.problem(at, f"{what}.", f"{remedy}.") for at, what, remedy in _contradictions(parts)]


def _sound_parts(raw: Mapping[str, Any]) -> _Parts:
    """What can be compared in a file that has other errors."""
    centres = raw.get("centres")
    return _Parts(
        _sound(Dates, raw.get("dates")),
        _sound(Kinds, raw.get("kinds")),
        _sound(Place, raw.get("hdh")),
        {
            index: _CentreParts(
                str(centre.get("id", "")),
                _sound(Place, centre.get("drop")),
                _sound_list(Promise, centre.get("promised")),
                _sound(Agreement, centre.get("agreement")),
            )
            for index, centre in enumerate(centres if isinstance(centres, list) else [])
            if isinstance(centre, dict)
        },
    )


def _sound(model: type[_M], raw: object) -> _M | None:
    try:
        return model.model_validate(raw)
    except ValidationError:
        return None


def _sound_list(model: type[_M], raw: object) -> dict[int, _M]:
    items = enumerate(raw if isinstance(raw, list) else [])
    return {index: found for index, item in items if (found := _sound(model, item))}


def _other_id(document: Document, path: Path) -> Problem | None:
    given = document.data.get("id") if isinstance(document.data, dict) else None
    if not isinstance(given, str) or given == path.stem:
        return None
    message = f"`{given}` is not the file's name, `{path.stem}`."
    return document.problem(("id",), message, f"write `id: {path.stem}`, or rename the file to {given}.yaml.")
