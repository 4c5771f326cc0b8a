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

from collecte.challenge import DicomRules
from collecte.errors import Bug
from collecte.findings import Finding, Language, Severity, rule
from collecte.records import State

#: How long before its last day an agreement stands in the reports.
AGREEMENT_NOTICE = timedelta(days=30)

#: How long before it is erased a file that was set aside stands in the reports.
EXPIRY_NOTICE = timedelta(days=14)

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
    ``listed`` - ``archives`` + ``members`` = ``received`` = the sum of ``states``. ``administrative``: manifests and
    markers, which speak of the delivery and are among the rejected: they are no data that anybody misses.

    Raises:
        Bug: they do not.
    """

    listed: int
    archives: int
    members: int
    states: Mapping[State, int]
    administrative: int = 0

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

    @property
    def set_aside(self) -> int:
        """Files of data that are set aside."""
        return self.of(*SET_ASIDE) - self.administrative


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
    """One centre of the challenge: what it promised, when it last deposited, until when its agreement holds.
    ``expiring``: its files in quarantine that are erased within :data:`EXPIRY_NOTICE`.
    """

    centre: str
    name: str
    promises: tuple[Promised, ...]
    last_delivery: date | None
    agreement_ends: date | None
    expiring: int = 0

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


#: Wordings of one rule that are shown.
SHOWN_TEXTS = 3


@dataclass(frozen=True)
class RuleGroup:
    """The findings of one rule. ``texts``: its different wordings (they differ in the values that they name), the first
    of them only; ``findings`` counts all, ``concerned`` the distinct things that they name; ``labels`` lists the first
    of those (``f123``, ``o12``, ``d0001``).

    Raises:
        Bug: a label is no id of the catalogue.
    """

    texts: tuple[Finding, ...]
    findings: int
    concerned: int
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        for label in self.labels:
            _label(label)

    @property
    def code(self) -> str:
        return self.texts[0].code

    @property
    def severity(self) -> Severity:
        return rule(self.code).severity

    @property
    def to_fix(self) -> bool:
        """Whether it keeps files from being used."""
        return self.severity in ("incident", "refused")

    @property
    def of_files(self) -> bool:
        """Whether it names files, not the delivery as a whole."""
        return not self.labels[0].startswith("d")


def wordings(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding for each wording, the first :data:`SHOWN_TEXTS`: most texts name neither place nor values."""
    by_text: dict[tuple[str, str], Finding] = {}
    for finding in found:
        by_text.setdefault((finding.text("fr"), finding.remedy("fr")), finding)
    return tuple(by_text.values())[:SHOWN_TEXTS]


def by_gravity(groups: Iterable[RuleGroup]) -> tuple[RuleGroup, ...]:
    """The gravest first, then what concerns most files: the order in which to look at them, and to mend them."""
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
    """All that the coordinator's page and the mails of one delivery say. Nothing in it identifies a patient or names an
    original file.

    ``at``: aware; ``today`` is its day in Paris. ``state``: the delivery's. ``modalities``: accepted DICOM files by
    Modality. ``centres``: all of the challenge, and ``waiting`` their deliveries that are not collected yet.
    ``to_correct``: files that the centre should mend. ``language``: of the centre's mail. ``table``, ``data_docs``:
    relative links to the table of all findings and to the checks' page, or empty. ``incident_contact``: whom to tell,
    where a finding is an incident. ``dicom``: the rules by which images were made safe, and ``edition`` of the standard
    that they follow; None where the challenge collects no images.
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
    to_correct: int = 0
    language: Language = "fr"
    table: str = ""
    data_docs: str = ""
    incident_contact: str = ""
    dicom: DicomRules | None = None
    edition: str = ""

    def __post_init__(self) -> None:
        _label(self.delivery)
        if any(":" in link or link.startswith("/") for link in (self.table, self.data_docs)):
            raise Bug("The links to what lies beside the report must be relative.")


@dataclass(frozen=True)
class CentreFeedback:
    """What one centre is told of its delivery. IDENTIFYING: it names the centre's files, and is for that centre alone.

    ``paths``: by label, of the files that ``findings`` list: as the centre named them in the drop (PEP 383); of an
    archive's member the archive's path, ``!/`` and its own.
    """

    challenge: Challenge
    name: str
    delivery: str
    at: datetime
    sums: Sums
    promises: tuple[Promised, ...]
    findings: tuple[RuleGroup, ...]
    paths: Mapping[str, str] = field(repr=False)
    language: Language = "fr"

    def __post_init__(self) -> None:
        _label(self.delivery)


@dataclass(frozen=True)
class FeedbackRow:
    """One finding of one file, as a table has it. ``order``: of its rule, from 1; ``label`` and ``state`` are empty for
    a finding of the whole delivery. IDENTIFYING: ``path``, which is empty in the coordinator's table.
    """

    order: int
    finding: Finding
    path: str = field(default="", repr=False)
    label: str = ""
    state: State | None = None


def today_in_paris(at: datetime) -> date:
    """The day of an instant, by the readers' clock."""
    return at.astimezone(PARIS).date()


def _label(text: str) -> None:
    # What does not fit may be a name, so it is not repeated.
    if not _LABEL.fullmatch(text):
        raise Bug("A label in a report is no id of the catalogue.")


def _age_class(years: float | None) -> str:
    if years is None or years != years or years < 0:
        return "unknown"
    return AGE_CLASSES[sum(years >= low for low in _AGES) - 1]
