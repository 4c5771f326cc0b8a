"""What looks after an installation each night: chores, each harmless to repeat and to kill.

=========  ==========================================================================================================
purge      landing of what was shipped and proved, and quarantined files, after the days of the challenge's `retention`
uploads    uploads of ours that were begun and never finished, at the HDH and in the drop's `retour`
hosts      the same at competition hosts and at the public place
fixity     some of the copies that we hold, read again and compared with the catalogue: each in its turn
audit      every audit chain recomputed; the head, to be kept elsewhere
watch      what somebody should know: late centres, agreements that end, files that expire soon, runs that stopped
space      room on the disks of the zones
=========  ==========================================================================================================

A chore is done centre by centre, and what fails at one does not keep the others. Sealed identifiers stay in the
catalogue until the challenge is closed: later deliveries are scanned for them.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from collecte.challenge import load, load_all
from collecte.errors import CollecteError, NeedsPerson, Retry
from collecte.settings import Settings
from collecte.steps.housekeeping.audit import audit
from collecte.steps.housekeeping.done import Done, Notice
from collecte.steps.housekeeping.fixity import fixity
from collecte.steps.housekeeping.hosts import hosts
from collecte.steps.housekeeping.purge import purge
from collecte.steps.housekeeping.space import space
from collecte.steps.housekeeping.uploads import uploads
from collecte.steps.housekeeping.watch import watch
from collecte.steps.site import Connect, Site, open_site

__all__ = ["CHORES", "Chore", "Done", "Notice", "do_chore", "housekeeping", "space"]

#: One chore at one centre; with ``dry_run`` it only says what it would do. ``at``: the time by which it judges.
Chore = Callable[[Site, datetime, bool], Done]

#: In the order of a night: what is removed need not be read, and what was done is then verified.
CHORES: Mapping[str, Chore] = {
    "purge": purge,
    "uploads": uploads,
    "hosts": hosts,
    "fixity": fixity,
    "audit": audit,
    "watch": watch,
}

#: These look at a challenge as a whole, by the site of whichever centre.
_ONCE = frozenset({"audit", "hosts"})

#: Told of each piece as it is done: what it is about (``demo/arvel``), and what came of it.
Tell = Callable[[str, Done], None]


def housekeeping(
    challenge_id: str | None = None,
    centre_id: str | None = None,
    *,
    tell: Callable[[str, str, Done], None] = lambda chore, about, done: None,
    dry_run: bool = False,
) -> list[tuple[str, CollecteError]]:
    """All chores, for all challenges or for one: what failed, by the name of its chore. Nothing keeps the rest."""
    settings = Settings.from_environment()
    failed: list[tuple[str, CollecteError]] = []
    challenges, broken = ([challenge_id], []) if challenge_id else load_all(settings.challenges)
    failed += [("challenge", error) for error in broken]
    for challenge in challenges:
        for chore in CHORES:
            try:
                do_chore(chore, challenge, centre_id, settings=settings, tell=partial(tell, chore), dry_run=dry_run)
            except CollecteError as error:
                failed.append((f"{chore} {challenge}", error))
    if challenge_id is None:
        try:
            tell("space", "zones", space(settings))
        except CollecteError as error:
            failed.append(("space", error))
    return failed


def do_chore(
    chore: str,
    challenge_id: str,
    centre_id: str | None = None,
    *,
    settings: Settings | None = None,
    connect: Connect | None = None,
    tell: Tell = lambda about, done: None,
    dry_run: bool = False,
    at: datetime | None = None,
) -> dict[str, int]:
    """Do one of :data:`CHORES` for a challenge, at all its centres or at one; the counts of all.

    Raises:
        Retry, NeedsPerson: something failed at a centre; the others were done.
    """
    settings = settings or Settings.from_environment()
    counts = Counter[str]()
    failed: list[tuple[str, CollecteError]] = []
    for about, centre in _places(chore, challenge_id, centre_id, settings):
        try:
            done = CHORES[chore](open_site(challenge_id, centre, settings, connect), at or datetime.now(UTC), dry_run)
        except CollecteError as error:
            failed.append((about, error))
        else:
            tell(about, done)
            counts.update(done.counts)
            counts["warnings"] += len(done.notices)
    if failed:
        raise _all_of(failed)
    return dict(counts)


def _places(chore: str, challenge_id: str, centre_id: str | None, settings: Settings) -> Iterator[tuple[str, str]]:
    """What each piece of a chore is called, and the centre that it is done at."""
    centres = [centre.id for centre in load(settings.challenges / f"{challenge_id}.yaml").centres]
    if chore in _ONCE:
        yield challenge_id, centre_id or centres[0]
        return
    for centre in [centre_id] if centre_id else centres:
        yield f"{challenge_id}/{centre}", centre


def _all_of(failed: Sequence[tuple[str, CollecteError]]) -> CollecteError:
    """One error for all: repeated where repeating helps every one of them."""
    if len(failed) == 1:
        return failed[0][1]
    said = " ".join(f"{about}: {error.what if isinstance(error, NeedsPerson) else error}" for about, error in failed)
    if all(isinstance(error, Retry) for _, error in failed):
        return Retry(said)
    remedies = dict.fromkeys(error.remedy for _, error in failed if isinstance(error, NeedsPerson))
    return NeedsPerson(said, " ".join(remedies) or "see each line above; then clear the task.")
