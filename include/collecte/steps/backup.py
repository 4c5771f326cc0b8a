"""The catalogue lost and put back: what the backup does not know yet must neither be lost nor be done twice.

A delivery that came after the backup is found again in its drop, gets its number again, and gives the same bytes under
the same names; the destination compares, and sends nothing twice. Until then its folders in landing and curated are set
aside, whole: the new run could write into them, and landing may hold what is no longer in the drop.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, select

from collecte.catalogue import append, challenge_chain, head, open_catalogue, tables, verify
from collecte.catalogue.backup import back_up, open_all, open_backup, put_back, refuse_unless_empty
from collecte.challenge import load
from collecte.errors import CollecteError, NeedsPerson
from collecte.package import sha256_of
from collecte.settings import Settings
from collecte.steps.challenge_site import facts_folder
from collecte.steps.site import Connect, load_keys
from collecte.transport import load_endpoint
from collecte.zones import zone_folder

#: Beside the deliveries of a centre: what a restored catalogue did not know, by the time of the restore.
SET_ASIDE = "lost"
_DELIVERY = re.compile(r"d\d{4,}")


@dataclass(frozen=True)
class Backup:
    """``rows`` in all; the file's SHA-256 (hex); ``heads``: each challenge's audit chain, as ``number:hash``."""

    rows: int
    sha256: str
    heads: dict[str, str]


@dataclass(frozen=True)
class Restored:
    """``opened``: sealed cells that open, by challenge. ``set_aside``: folders, by zone, challenge, centre and number.
    ``wrong``: what does not hold, and what to do; empty where all does.
    """

    rows: int
    heads: dict[str, str]
    opened: dict[str, int]
    set_aside: Sequence[str]
    wrong: Sequence[str]


def back_up_catalogue(file: Path, settings: Settings | None = None) -> Backup:
    """Copy the catalogue into a file while runs go on. Keys are not in it: keep their copy elsewhere.

    Raises:
        NeedsPerson: the file exists, or cannot be written.
    """
    settings = settings or Settings.from_environment()
    rows = back_up(open_catalogue(settings.catalogue), file)
    with open_backup(file).read() as connection:
        heads = _heads(connection)
    return Backup(sum(rows.values()), sha256_of(file), heads)


def restore_catalogue(file: Path, settings: Settings | None = None, connect: Connect | None = None) -> Restored:
    """Put a backup back into the empty catalogue that the settings name, then look whether all of it holds.

    Restore the keys first: sealed cells are opened one by one.

    Raises:
        NeedsPerson: there is no backup in the file, or the catalogue is not empty.
    """
    settings = settings or Settings.from_environment()
    reach = connect or (lambda connection_id: load_endpoint(connection_id, settings))
    backup = open_backup(file)
    catalogue = open_catalogue(settings.catalogue, upgrade=True)
    refuse_unless_empty(catalogue)
    with backup.read() as connection:
        aside = list(_set_aside(settings, _known(connection)))  # first: killed after it, this call is made again
    rows = sum(put_back(backup, catalogue).values())
    wrong: list[str] = []
    opened: dict[str, int] = {}
    with catalogue.read() as connection:
        for challenge in _challenges(connection):
            wrong += [f"{link.chain} at event {link.seq}: {link.what}" for link in verify(connection, challenge)]
            try:
                keys = load_keys(load(settings.challenges / f"{challenge}.yaml").keys, reach)
                opened[challenge] = open_all(connection, challenge, keys)
            except CollecteError as error:
                wrong.append(f"{challenge}: {error}")
    with catalogue.transaction() as connection:
        for challenge in _challenges(connection):
            counts = {"rows": rows, "set_aside": len(aside)}
            append(connection, challenge_chain(challenge), "restore", f"{challenge}/restore", 0, counts)
        heads = _heads(connection)
    return Restored(rows, heads, opened, aside, wrong)


def _challenges(connection: Connection) -> list[str]:
    return list(connection.execute(select(tables.challenge.c.id).order_by(tables.challenge.c.id)).scalars())


def _heads(connection: Connection) -> dict[str, str]:
    heads = {of: head(connection, challenge_chain(of)) for of in _challenges(connection)}
    return {of: f"{seq}:{digest}" for of, (seq, digest) in heads.items()}


def _known(connection: Connection) -> frozenset[str]:
    """The deliveries of which the catalogue has files, as their folders lie in a zone: ``demo/arvel/d0001``."""
    delivery, centre = tables.delivery.c, tables.centre.c
    rows = connection.execute(
        select(centre.challenge_id, centre.code, delivery.number)
        .join(tables.centre, centre.id == delivery.centre_id)
        .where(delivery.state != "waiting")
    )
    return frozenset(f"{row.challenge_id}/{row.code}/d{row.number:04d}" for row in rows)


def _set_aside(settings: Settings, known: frozenset[str]) -> Iterator[str]:
    """Move what the backup does not know out of the way; where it lies now."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
    for zone, url in (("landing", settings.landing), ("curated", settings.curated)):
        root = zone_folder(url, f"COLLECTE_{zone.upper()}")
        for folder in sorted(root.glob("*/*/d*")):
            name = folder.relative_to(root).as_posix()
            if name in known or not _DELIVERY.fullmatch(folder.name):
                continue
            aside = folder.parent / SET_ASIDE / now / folder.name
            try:
                aside.parent.mkdir(parents=True, exist_ok=True)
                facts = facts_folder(root, *name.split("/"))
                if facts.is_dir():  # of files whose numbers will be given again
                    facts.rename(aside.with_name(f"{folder.name}.facts"))
                folder.rename(aside)
            except OSError as error:
                raise NeedsPerson(
                    f"{zone}/{name} cannot be set aside: {error.strerror}.",
                    f"give the user that runs Collecte the right to write in {zone}, then restore again.",
                ) from None
            yield f"{zone}/{aside.relative_to(root).as_posix()}"
