"""A challenge: one YAML file, read into frozen models.

Every field says its unit, its default and why. :func:`load` gives the challenge or every error at once, each with line,
key and remedy. The file holds no secret: keys and connections stand in it by reference only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from collecte import configfile
from collecte.challenge.collection import (
    Agreement,
    ArchiveLimits,
    Arrival,
    Centre,
    Promise,
    Quality,
    Report,
    Retention,
)
from collecte.challenge.fields import (
    Bilingual,
    Contact,
    Count,
    Dates,
    Id,
    KeysReference,
    Language,
    Model,
    Period,
    Place,
    Text,
)
from collecte.challenge.kinds import (
    AttributeRule,
    Column,
    DeviceLayout,
    DicomOption,
    DicomRules,
    Kind,
    Kinds,
    TableRules,
    TextInPixels,
    header_key,
)
from collecte.challenge.release import (
    ANSWERS,
    Destination,
    Homogeneity,
    Login,
    OpenData,
    People,
    QuasiIdentifier,
    Region,
    ReleaseRules,
    Role,
    Split,
    Threshold,
)
from collecte.configfile import Document, Location, Problem
from collecte.errors import NeedsPerson

__all__ = [
    "ANSWERS",
    "SCHEMA_NAME",
    "Agreement",
    "ArchiveLimits",
    "Arrival",
    "AttributeRule",
    "Bilingual",
    "Centre",
    "Challenge",
    "ChallengeError",
    "Column",
    "Contact",
    "Dates",
    "Destination",
    "DeviceLayout",
    "DicomOption",
    "DicomRules",
    "Homogeneity",
    "KeysReference",
    "Kind",
    "Kinds",
    "Language",
    "Login",
    "Model",
    "OpenData",
    "People",
    "Period",
    "Place",
    "Problem",
    "Promise",
    "Quality",
    "QuasiIdentifier",
    "Region",
    "ReleaseRules",
    "Report",
    "Retention",
    "Role",
    "Split",
    "TableRules",
    "TextInPixels",
    "Threshold",
    "header_key",
    "json_schema",
    "load",
    "load_all",
]

SCHEMA_NAME = "challenge.schema.json"


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
    people: People = Field(default=People(), description="Who decides what leaves, by their logins.")
    homogeneity: Homogeneity = Field(default=Homogeneity(), description="When the centres' data belong together.")
    release: ReleaseRules | None = Field(default=None, description="What a release is made of; absent: none is made.")
    open_data: OpenData | None = Field(default=None, description="The Open Data publication; absent: there is none.")
    licence: Text | None = Field(
        default=None, description="SPDX id of the licence; nothing is published without.", examples=["CC-BY-4.0"]
    )
    ethics: Text | None = Field(
        default=None,
        description="Reference of the ethics committee's opinion; nothing is published without.",
        examples=["CERAPHP 2026-041"],
    )
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
            self.release,
            self.open_data,
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
    release: ReleaseRules | None = None
    open_data: OpenData | None = None


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
    yield from _of_release(parts)


def _of_release(parts: _Parts) -> Iterator[_Contradiction]:
    """A release speaks of the columns of tables; what leaves goes to places that nobody else uses."""
    if parts.release and parts.kinds:
        columns = {column.names[0]: column.action for column in parts.kinds.table.columns} if parts.kinds.table else {}
        if columns.get(parts.release.label) != "label":
            labels = ", ".join(name for name, action in columns.items() if action == "label") or "none yet"
            remedy = f"name one by the first of its names ({labels}), or give the column that action"
            yield ("release", "label"), f"`{parts.release.label}` is no column of kinds.table with action label", remedy
        named: list[tuple[Location, str]] = [
            (("quasi_identifiers", i, "column"), q.column) for i, q in enumerate(parts.release.quasi_identifiers)
        ]
        named += [(("split", "groups", i), name) for i, name in enumerate(parts.release.split.groups)]
        for at, name in named:
            if name not in columns:
                remedy = "name a column by the first of its names"
                yield ("release", *at), f"`{name}` is no column of kinds.table", remedy
    yield from _of_places(parts)


def _of_places(parts: _Parts) -> Iterator[_Contradiction]:
    places: list[tuple[Location, str, Place]] = [(("hdh",), "hdh", parts.hdh)] if parts.hdh else []
    for index, destination in enumerate(parts.release.destinations if parts.release else ()):
        places.append((("release", "destinations", index, "place"), f"destination {destination.id}", destination.place))
    if parts.open_data:
        places.append((("open_data", "place"), "open_data", parts.open_data.place))
    for number, (at, _, place) in enumerate(places):
        for _, name, other in places[:number]:
            if place.overlaps(other):
                yield at, f"lies in the place of {name}, or holds it", "give each place a folder of its own"


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
        _sound(ReleaseRules, raw.get("release")),
        _sound(OpenData, raw.get("open_data")),
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
