"""What must hold before data cross from one trust zone into the next: one table, for a data-protection officer to read.

=================  ==========================================================================  =======================
arrow              what must hold                                                              kept by
=================  ==========================================================================  =======================
drop → landing     the collection is open today; the centre's agreement is signed and has not  :func:`agreement_gate`,
                   ended, has every clause, and covers the purpose ``challenge`` and at least  before each run
                   one kind of the challenge
landing → curated  the file's kind is one of the challenge *and* of the centre's agreement     :func:`kinds_covered`,
                   (any other file: quarantine)                                                for each file
landing → curated  a profile covers the file's type; the residual scan found nothing of the    steps: accept takes
                   whole delivery's identifiers; no check refused it                           no refused file
landing → drop     the feedback names files of that centre alone, and lies in its own ``retour``    steps: feedback
curated → hdh      the batch holds accepted files only; each arrives with the SHA-256 that it  steps: ship
                   left with, proved at the destination
curated → release  every centre's agreement covers the competition; no recall is pending;      steps: release_gate,
release → host     homogeneity holds or was decided; scans are newer than the rules; nothing   then two approvals
                   crosses from one part into another; how identifiable it is was measured     over the digest
release → vault    labels of the test sets, encrypted to a host's scorer; which row is public  steps: freeze_release
=================  ==========================================================================  =======================

A gate here asks the challenge file and a day, nothing else; it answers with findings. One that refuses keeps it closed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from collecte.challenge import Agreement, Centre, Challenge, Destination
from collecte.findings import Finding


@dataclass(frozen=True)
class Check:
    """A row of the table that an approver reads: what must hold, in both languages; the findings against it; a figure
    or two of what was found (``shown``), which names no patient.
    """

    fr: str
    en: str
    findings: tuple[Finding, ...] = ()
    shown: str = ""

    @property
    def holds(self) -> bool:
        """Whether no finding refuses."""
        return not any(finding.refuses for finding in self.findings)


def as_markdown(checks: Sequence[Check]) -> str:
    """The table of a gate for an approver, French first."""
    lines = ["| | | |", "|---|---|---|"]
    for check in checks:
        mark = "✔" if check.holds else "✘"
        parts = [check.shown, *(f"{f.text('fr')} / {f.text('en')}" for f in check.findings)]
        said = "<br>".join(part for part in parts if part)
        lines.append(f"| {mark} | {check.fr} / {check.en} | {said} |")
    return "\n".join(lines)


def refusals(checks: Sequence[Check]) -> tuple[Finding, ...]:
    """What keeps a gate closed."""
    return tuple(finding for check in checks for finding in check.findings if finding.refuses)


def region_check(challenge: Challenge, centres: Iterable[str], destination: Destination) -> Check:
    """Do the agreements of these centres allow their data where a destination's servers stand?"""
    agreements = {centre.id: centre.agreement for centre in challenge.centres}
    values = {"destination": destination.id, "region": destination.region}
    against = [
        Finding("DESTINATION-REGION-NOT-ALLOWED", values={"centre": centre, **values})
        for centre in sorted(centres)
        if centre not in agreements or destination.region not in agreements[centre].regions
    ]
    return Check(
        f"Les conventions permettent la région de {destination.id}",
        f"The agreements allow the region of {destination.id}",
        tuple(against),
        destination.region,
    )


#: The purpose that every collection serves.
_PURPOSE = "challenge"
#: Clauses that a challenge file may leave open (``null``) while they are negotiated; ``signed`` has its own finding.
_OPEN_CLAUSES = ("ends", "authorisation", "patient_notice")


def agreement_gate(challenge: Challenge, centre: Centre, today: date) -> tuple[Finding, ...]:
    """What stands between a centre's drop and landing on a day; empty where nothing does.

    Every missing clause is named at once. Findings that refuse close the gate; ``AGREEMENT-KIND-NOT-COVERED`` does not:
    the kinds that the agreement covers are collected, and files of the others go to quarantine.
    """
    return (
        *_of_collection(challenge, today),
        *_of_force(centre.agreement, today),
        *_of_kinds(challenge, centre),
    )


def kinds_covered(challenge: Challenge, centre: Centre) -> frozenset[str]:
    """The kinds of data that may be collected from a centre: the challenge's, as far as the agreement covers them."""
    return challenge.kinds.allowed & frozenset(centre.agreement.kinds)


def _of_collection(challenge: Challenge, today: date) -> Iterator[Finding]:
    collection = challenge.dates.collection
    if today < collection.start:
        yield Finding("COLLECTION-NOT-OPEN", values={"opens": collection.start.isoformat()})
    elif today > collection.end:
        yield Finding("COLLECTION-CLOSED", values={"closed": collection.end.isoformat()})


def _of_force(agreement: Agreement, today: date) -> Iterator[Finding]:
    if agreement.signed is None or today < agreement.signed:
        yield Finding("AGREEMENT-NOT-IN-FORCE")
    if agreement.ends is not None and today > agreement.ends:
        yield Finding("AGREEMENT-ENDED", values={"ended": agreement.ends.isoformat()})
    for clause in _OPEN_CLAUSES:
        if getattr(agreement, clause) is None:
            yield Finding("AGREEMENT-CLAUSE-MISSING", values={"clause": clause})
    if _PURPOSE not in agreement.purposes:
        yield Finding("AGREEMENT-PURPOSE-NOT-COVERED", values={"purpose": _PURPOSE})


def _of_kinds(challenge: Challenge, centre: Centre) -> Iterator[Finding]:
    covered = kinds_covered(challenge, centre)
    if not covered:
        yield Finding("AGREEMENT-COVERS-NO-KIND")
        return
    for kind in sorted(challenge.kinds.allowed - covered):
        yield Finding("AGREEMENT-KIND-NOT-COVERED", values={"kind": kind})


def competition_gate(challenge: Challenge, centre_ids: Iterable[str], today: date) -> tuple[Finding, ...]:
    """The centres whose agreement does not allow their data in the competition on a day."""
    found = []
    for centre_id in sorted(centre_ids):
        clauses = list(_of_force(challenge.centre(centre_id).agreement, today))
        if clauses:
            found.append(Finding("GATE-AGREEMENT-COMPETITION", count=len(clauses), values={"centre": centre_id}))
    return tuple(found)
