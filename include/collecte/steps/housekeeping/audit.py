"""The audit chains of a challenge, recomputed each night."""

from datetime import datetime

from collecte.catalogue import challenge_chain, head, verify
from collecte.errors import NeedsPerson
from collecte.steps.housekeeping.done import Done
from collecte.steps.site import Site


def audit(site: Site, at: datetime, dry_run: bool = False) -> Done:
    """Verify every chain of the challenge; ``said`` is its head, which proves the rest where it is kept elsewhere.

    Raises:
        NeedsPerson: a link does not hold.
    """
    of = site.challenge.id
    with site.catalogue.read() as connection:
        broken = verify(connection, of)
        seq, digest = head(connection, challenge_chain(of))
    if broken:
        first = broken[0]
        raise NeedsPerson(
            f"{len(broken)} audit chains of {of} do not hold, the first {first.chain}, at event {first.seq}: "
            f"{first.what}.",
            f"stop the runs of {of}, run `collecte audit verify {of}`, and compare with the last backup: what differs "
            "was changed by hand or by a failing disk.",
        )
    return Done({"events": seq}, said=f"head {seq}:{digest}")
