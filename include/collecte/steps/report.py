"""What became of a delivery, in figures: they add up to what was received."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from collecte.catalogue import DeliveryRow, delivery_chain, findings_of, head, totals
from collecte.errors import Bug
from collecte.records import State
from collecte.steps.site import Site


@dataclass(frozen=True)
class Summary:
    """One delivery in figures. ``states`` add up to ``received``; ``head`` is the audit chain's, and anchors this
    summary."""

    delivery: str
    state: str
    received: int
    states: dict[State, int]
    findings: dict[str, int]
    head: str

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
        }

    def __str__(self) -> str:
        states = ", ".join(f"{n} {state}" for state, n in self.states.items() if n) or "no files"
        return f"{self.delivery} ({self.state}): {self.received} received = {states}; chain head {self.head[:16]}"


def summary(site: Site, delivery: DeliveryRow) -> Summary:
    """The figures of a delivery as they stand."""
    with site.catalogue.read() as connection:
        states = totals(connection, delivery.id)
        found = Counter[str]()
        for finding in findings_of(connection, delivery.id):
            found[finding.code] += finding.count if finding.file_id is None else 1
        _, chain_head = head(connection, delivery_chain(delivery.id))
    return Summary(
        delivery.label, delivery.state, sum(states.values()), states, dict(sorted(found.items())), chain_head
    )


def report(site: Site, label: str) -> dict[str, int]:
    """The counts of a delivery by state, once everything in it was judged.

    Raises:
        Bug: files of an accepted delivery still wait.
    """
    figures = summary(site, site.delivery(label))
    if figures.states[State.WAITING]:
        raise Bug(f"{figures.states[State.WAITING]} files of {label} were never judged.")
    return {"received": figures.received} | {state.value: n for state, n in figures.states.items() if n}
