"""What the reports are made from: the seam between the steps, which read the catalogue, and this room, which writes.

What a coordinator may read cannot hold a name: labels of files and deliveries are checked to be the catalogue's own,
and figures that do not add up are refused rather than printed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from collecte.errors import Bug
from collecte.findings import Finding, Severity, rule
from collecte.records import State

#: How long before its last day an agreement stands in the reports.
AGREEMENT_NOTICE = timedelta(days=30)

#: The ids that stand behind one rule in a report; beyond them, only their number.
LISTED_IDS = 200

#: From the gravest on: what a reader looks at first.
SEVERITIES: tuple[Severity, ...] = ("incident", "refused", "warning", "info")

#: Set aside until somebody acts, or for good.
SET_ASIDE = (State.QUARANTINED, State.REJECTED, State.EXPIRED)

#: The clock of the readers.
PARIS = ZoneInfo("Europe/Paris")

_LABEL = re.compile(r"[dfo]\d+")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Sums:
    """A delivery in figures. ``listed``: files as they lay in the drop; ``archives``: those of them, and of their
    members, that were unpacked and count by what was in them; ``members``: what came out. Both sides add up:
    ``listed`` - ``archives`` + ``members`` = ``received`` = the sum of ``states``.

    Raises:
        Bug: they do not.
    """

    listed: int
    archives: int
    members: int
    states: Mapping[State, int]

    def __post_init__(self) -> None:
        if self.received != sum(self.states.values()):
            raise Bug(f"{self.received} files were received, and {sum(self.states.values())} stand in some state.")

    @property
    def received(self) -> int:
        """Files received, an archive counted by its members."""
        return self.listed - self.archives + self.members

    def of(self, *states: State) -> int:
        """How many files stand in these states."""
        return sum(self.states.get(state, 0) for state in states)


@dataclass(frozen=True)
class Promised:
    """What one centre announced of one kind, and what it sent until now, in all its deliveries. ``received`` and
    ``usable`` (accepted) count files.
    """

    kind: str
    promised: int
    by: date
    received: int
    usable: int

    @property
    def missing(self) -> int:
        """Files still to come, or to come again."""
        return max(self.promised - self.usable, 0)

    def late(self, today: date) -> bool:
        """Whether its day is over and files are missing that never came."""
        return today > self.by and self.received < self.promised


@dataclass(frozen=True)
class CentreProgress:
    """One centre of the challenge: what it promised, when it last deposited, until when its agreement holds."""

    centre: str
    name: str
    promises: tuple[Promised, ...]
    last_delivery: date | None
    agreement_ends: date | None

    def late(self, today: date) -> tuple[Promised, ...]:
        """The promises whose day is over."""
        return tuple(promise for promise in self.promises if promise.late(today))

    def agreement_due(self, today: date) -> bool:
        """Whether its agreement ends within :data:`AGREEMENT_NOTICE`, or has ended."""
        return self.agreement_ends is not None and self.agreement_ends - today <= AGREEMENT_NOTICE


@dataclass(frozen=True)
class Waiting:
    """A delivery that lies in a drop and is not collected yet; ``why`` says what it waits for."""

    name: str
    delivery: str
    since: datetime
    why: Finding

    def __post_init__(self) -> None:
        _label(self.delivery)


@dataclass(frozen=True)
class RuleGroup:
    """The findings of one rule. ``texts``: one finding for each wording of it (they differ in the values that they
    name), the first of them only; ``findings`` counts all, ``concerned`` the distinct things that they name (labels
    ``f123``, ``o12``, ``d0001``); ``labels`` lists the first of those.
    """

    code: str
    texts: tuple[Finding, ...]
    findings: int
    concerned: int
    labels: tuple[str, ...]

    @property
    def severity(self) -> Severity:
        return rule(self.code).severity


#: Wordings of one rule that are shown.
_TEXTS = 3


def group_findings(found: Iterable[tuple[str, Finding]], listed: int = LISTED_IDS) -> tuple[RuleGroup, ...]:
    """The findings by rule, the gravest first, then the most frequent. ``found``: label of what it names, finding.

    A finding of a delivery counts as often as it says itself (``Finding.count``), one of a file once.

    Raises:
        Bug: a label is no id of the catalogue.
    """
    texts: dict[str, dict[tuple[object, ...], Finding]] = {}
    count: dict[str, int] = {}
    labels: dict[str, set[str]] = {}
    for label, finding in found:
        _label(label)
        wording = texts.setdefault(finding.code, {})
        if len(wording) < _TEXTS:
            wording.setdefault((finding.place, finding.count, *sorted(finding.values.items())), finding)
        count[finding.code] = count.get(finding.code, 0) + (finding.count if label.startswith("d") else 1)
        labels.setdefault(finding.code, set()).add(label)
    groups = [
        RuleGroup(code, _distinct(texts[code].values()), count[code], len(at), _first(at, listed))
        for code, at in labels.items()
    ]
    return tuple(sorted(groups, key=lambda g: (SEVERITIES.index(g.severity), -g.concerned, g.code)))


@dataclass(frozen=True)
class Cohort:
    """Patients of one delivery's accepted files, by sex and by age class; each patient counts once in each.

    ``threshold``: numbers from 1 to one less are masked. The order of the classes is that of the report, and which
    further cells are masked follows from it.

    Raises:
        Bug: the two do not count the same patients.
    """

    sex: Mapping[str, int]
    age: Mapping[str, int]
    threshold: int = 5

    def __post_init__(self) -> None:
        if sum(self.sex.values()) != sum(self.age.values()):
            raise Bug("Patients by sex and patients by age are not the same patients.")


SEXES = ("F", "M", "O", "unknown")
#: First year of each age class; the last one is open.
_AGES = (0, 18, 30, 40, 50, 60, 70, 80, 90)
AGE_CLASSES = (*(f"{low}-{high - 1}" for low, high in pairwise(_AGES)), "90+", "unknown")


def cohort(patients: Iterable[tuple[str | None, float | None]], threshold: int = 5) -> Cohort:
    """The cohort of patients given as sex (DICOM: F, M, O) and age in years, one pair for each; None: not known."""
    sex, age = dict.fromkeys(SEXES, 0), dict.fromkeys(AGE_CLASSES, 0)
    for its_sex, its_age in patients:
        sex[its_sex if its_sex in SEXES else "unknown"] += 1
        age[_age_class(its_age)] += 1
    return Cohort(sex, age, threshold)


@dataclass(frozen=True)
class ChainHead:
    """Where an audit chain stands. ``chain``: ``d0001``, or the challenge's id; ``seq``: its events; ``hash``: hex."""

    chain: str
    seq: int
    hash: str

    def __post_init__(self) -> None:
        if not _HASH.fullmatch(self.hash):
            raise Bug(f"The head of the chain {self.chain} is no SHA-256.")


@dataclass(frozen=True)
class Challenge:
    """The challenge, as its file names it."""

    id: str
    title_fr: str
    title_en: str
    society: str
    coordinator: str


@dataclass(frozen=True)
class DeliveryReport:
    """All that the coordinator's page of one delivery says. Nothing in it identifies a patient.

    ``at``: aware; ``today`` is its day in Paris. ``state``: the delivery's. ``modalities``: accepted DICOM files by
    Modality. ``centres``: all of the challenge, and ``waiting`` their deliveries that are not collected yet.
    ``data_docs``: relative link to the checks' page, or empty. ``incident_contact``: whom to tell, where a finding is
    an incident.
    """

    challenge: Challenge
    centre: str
    name: str
    delivery: str
    state: str
    at: datetime
    sums: Sums
    promises: tuple[Promised, ...]
    findings: tuple[RuleGroup, ...]
    modalities: Mapping[str, int]
    cohort: Cohort | None
    centres: tuple[CentreProgress, ...]
    waiting: tuple[Waiting, ...]
    chains: tuple[ChainHead, ...]
    data_docs: str = ""
    incident_contact: str = ""

    def __post_init__(self) -> None:
        _label(self.delivery)
        if ":" in self.data_docs or self.data_docs.startswith("/"):
            raise Bug("The link to the checks' page must be relative.")


@dataclass(frozen=True)
class FileToFix:
    """A file with findings. IDENTIFYING: ``path``, in the drop as the centre named it (PEP 383); of an archive's member
    the archive's path, ``!/`` and its own.
    """

    path: str = field(repr=False)
    label: str
    state: State
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class CentreFeedback:
    """What one centre is told of its delivery. IDENTIFYING: it names the centre's files, and is for that centre alone.

    ``whole``: findings of the delivery itself. ``files``: those with a finding, of this centre only.
    """

    challenge: Challenge
    name: str
    delivery: str
    at: datetime
    sums: Sums
    promises: tuple[Promised, ...]
    whole: tuple[Finding, ...]
    files: tuple[FileToFix, ...]

    def __post_init__(self) -> None:
        _label(self.delivery)


def today_in_paris(at: datetime) -> date:
    """The day of an instant, by the readers' clock."""
    return at.astimezone(PARIS).date()


def _label(text: str) -> None:
    # What does not fit may be a name, so it is not repeated.
    if not _LABEL.fullmatch(text):
        raise Bug("A label in a report is no id of the catalogue.")


def _distinct(texts: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding for each wording: most texts name neither place nor count."""
    return tuple({(finding.text("fr"), finding.remedy("fr")): finding for finding in reversed([*texts])}.values())[::-1]


def _first(labels: set[str], listed: int) -> tuple[str, ...]:
    return tuple(sorted(labels, key=lambda label: (label[0], int(label[1:])))[:listed])


def _age_class(years: float | None) -> str:
    if years is None or years != years or years < 0:
        return "unknown"
    return AGE_CLASSES[sum(years >= low for low in _AGES) - 1]
