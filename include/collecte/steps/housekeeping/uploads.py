"""Uploads of ours that were begun and never finished: parts and probes at the destination, half a feedback in the drop.

An S3 drop needs nothing: what we write there goes in one request. Uploads that a centre itself left unfinished are its
own, and are not touched; a lifecycle rule of the bucket ends them.
"""

from datetime import datetime, timedelta

from collecte.errors import NeedsPerson
from collecte.steps.feedback import RETOUR
from collecte.steps.housekeeping.done import Done
from collecte.steps.ship import ABANDONED
from collecte.steps.site import Site
from collecte.transport import Entry, open_destination, open_source

_PART = ".part"


def uploads(site: Site, at: datetime, dry_run: bool = False, abandoned: timedelta = ABANDONED) -> Done:
    """End what was begun so long ago: ``aborted`` at the HDH, ``removed`` from the centre's ``retour``.

    A dry run counts the second alone: a destination tells only what it aborted.

    Raises:
        Retry: a connection was lost.
        NeedsPerson: a server refuses us.
    """
    hdh = site.challenge.hdh
    own = f"{hdh.path}/{site.challenge.id}/{site.centre.id}"
    aborted = 0
    if not dry_run:
        with open_destination(site.connect(hdh.connection), own) as destination:
            aborted = destination.abort_unfinished(abandoned)
        with open_destination(site.connect(hdh.connection), hdh.path) as destination:
            aborted += destination.sweep_probes(abandoned)  # those of all centres
    return Done({"aborted": aborted, "removed": _in_retour(site, at - abandoned, dry_run)})


def _in_retour(site: Site, before: datetime, dry_run: bool) -> int:
    drop = site.centre.drop
    endpoint = site.connect(drop.connection)
    if endpoint.conn_type == "aws":
        return 0
    retour = f"{drop.path.rstrip('/')}/{RETOUR}"
    try:
        with open_source(endpoint, retour) as source:
            old = [entry for entry in source.entries() if _is_old_part(entry, before)]
            return len(old) if dry_run else sum(source.remove(entry) for entry in old)
    except NeedsPerson:
        with open_source(endpoint, drop.path):  # which fails, and says why, unless only `retour` is not there yet
            return 0


def _is_old_part(entry: Entry, before: datetime) -> bool:
    """By the server's clock, which may be apart from ours by less than the day that is allowed."""
    written = datetime.fromtimestamp(entry.mtime_ns / 1e9, before.tzinfo)
    return entry.kind == "file" and entry.path.endswith(_PART) and written < before
