"""What became of a delivery, in figures: they add up to what was received."""

import errno
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast

from collecte.catalogue import (
    DeliveryRow,
    FindingRow,
    deliveries_of,
    delivery_chain,
    ensure_centre,
    findings_of,
    head,
    totals,
)
from collecte.errors import Bug, NeedsPerson
from collecte.findings import Finding
from collecte.records import State
from collecte.report import coordinator_page, write_findings_csv
from collecte.steps.board import keep_board
from collecte.steps.documents import TABLE, delivery_report, report_rows
from collecte.steps.site import Site
from collecte.zones import write_whole


@dataclass(frozen=True)
class Summary:
    """One delivery in figures. ``states`` add up to ``received``; ``head`` is the audit chain's, and anchors this
    summary. ``waits`` says why it is not collected yet; ``incident`` whom to tell of direct identifiers in a delivery
    that was to be coded, without their value, and is empty where there is none.
    """

    delivery: str
    state: str
    received: int
    states: dict[State, int]
    findings: dict[str, int]
    head: str
    waits: Finding | None = None
    incident: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The form for machines."""
        states = {state.value: n for state, n in self.states.items()}
        return {
            "delivery": self.delivery,
            "state": self.state,
            "received": self.received,
            "states": states,
            "findings": self.findings,
            "head": self.head,
            "waits": self.waits and _as_dict(self.waits),
            "incident": self.incident,
        }

    def __str__(self) -> str:
        states = ", ".join(f"{n} {state}" for state, n in self.states.items() if n) or "no files"
        return f"{self.delivery} ({self.state}): {self.received} received = {states}; chain head {self.head[:16]}"


def summary(site: Site, delivery: DeliveryRow) -> Summary:
    """The figures of a delivery as they stand."""
    with site.catalogue.read() as connection:
        states = totals(connection, delivery.id)
        findings = findings_of(connection, delivery.id)
        _, chain_head = head(connection, delivery_chain(delivery.id))
    found = Counter[str]()
    for finding in findings:
        found[finding.code] += finding.count if finding.file_id is None else 1
    return Summary(
        delivery.label,
        delivery.state,
        sum(states.values()),
        states,
        dict(sorted(found.items())),
        chain_head,
        next((Finding(f.code, f.place, f.count, f.values) for f in findings if delivery.state == "waiting"), None),
        _incident(site, findings),
    )


def waiting(site: Site) -> list[Summary]:
    """The deliveries that lie in the drop and are not collected yet; ``waits`` of each says why."""
    with site.catalogue.transaction() as connection:
        centre_id = ensure_centre(connection, site.challenge.id, site.centre.id)
        rows = [row for row in deliveries_of(connection, centre_id) if row.state == "waiting"]
    return [figures for figures in (summary(site, row) for row in rows) if figures.waits]


def incident(site: Site, label: str) -> str:
    """Whom to tell that a delivery which was to be coded holds direct identifiers; empty where it holds none."""
    return summary(site, site.delivery(label)).incident


def _incident(site: Site, findings: Sequence[FindingRow]) -> str:
    met = [finding for finding in findings if finding.severity == "incident"]
    if not met:
        return ""
    contact = site.centre.agreement.data_protection_contact
    files, codes = len({finding.file_id for finding in met}), ", ".join(sorted({finding.code for finding in met}))
    return (
        f"Incident: direct identifiers in a delivery that was to be coded ({codes}); files in quarantine: {files}. "
        f"Tell {contact.name} <{contact.email}>: give the delivery's number and these codes, never the value."
    )


def _as_dict(finding: Finding) -> dict[str, str]:
    """Both languages; the remedy in French, then English."""
    remedy = f"{finding.remedy('fr')} / {finding.remedy('en')}"
    return {"code": finding.code, "fr": finding.text("fr"), "en": finding.text("en"), "remedy": remedy}


def report(site: Site, label: str, folder: Path | None = None) -> dict[str, int]:
    """Write the coordinator's page, ``report.html``, and beside it the table of all findings, once everything in the
    delivery was judged, and the challenge's board anew; its counts by state.

    ``folder``: where to, instead of the delivery's folder of reports. Run again, it writes the page anew.

    Raises:
        Bug: files of an accepted delivery still wait.
        NeedsPerson: the centre has no such delivery, it is not judged yet, or the page cannot be written.
    """
    delivery = site.delivery(label)
    if delivery.state in ("waiting", "collecting"):
        raise NeedsPerson(f"Delivery {label} is not collected yet.", "let its collect run end first.")
    counts = figures(site, delivery)
    if waiting_files := counts.get(State.WAITING):
        raise Bug(f"{waiting_files} files of {label} were never judged.")
    _write(site, label, folder or site.reported(delivery))
    if folder is None:
        keep_board(site.challenge, site.catalogue, site.reports)
    return counts


def _write(site: Site, label: str, folder: Path) -> None:
    """The page last: what it links to is there by then."""
    told = delivery_report(site, label)
    try:
        with TemporaryFile() as table:
            text = TextIOWrapper(table, "utf-8", newline="")
            write_findings_csv(text, report_rows(site, label, told))
            text.flush()
            table.seek(0)
            write_whole(folder / TABLE, cast("BinaryIO", table))
        write_whole(folder / "report.html", BytesIO(coordinator_page(told).encode()))
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "unknown")
        raise NeedsPerson(
            f"The report of {label} cannot be written ({name}).",
            "make room, and give the user that runs Collecte the right to write there; then run it again.",
        ) from None


def figures(site: Site, delivery: DeliveryRow) -> dict[str, int]:
    """Files of a delivery, all and by state; states without any are left out. What changes them is told anew."""
    with site.catalogue.read() as connection:
        states = totals(connection, delivery.id)
    return {"received": sum(states.values())} | {state.value: n for state, n in states.items() if n}
