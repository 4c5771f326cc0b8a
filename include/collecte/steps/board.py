"""The board of a challenge: what came from each centre and how far it is, and what waits for somebody's word.

It is written into the zone of reports whenever something changed, so that Airflow's API server, which shows it, needs
neither keys nor catalogue: ``reports/<challenge>/_challenge/board.json``. It counts; it names no patient and no file.
"""

import errno
import json
from collections import Counter
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from collecte.catalogue import Catalogue, decisions_about, open_catalogue
from collecte.catalogue.board import (
    FileGroup,
    LastDelivery,
    files_by_centre,
    last_deliveries,
    newest_verdict,
    released_by_centre,
)
from collecte.catalogue.packages import PackageKind, PackageRow, packages_of, shipments_of_package
from collecte.catalogue.recalls import PENDING, recalls_of
from collecte.challenge import Centre, Challenge, load
from collecte.errors import NeedsPerson
from collecte.records import State
from collecte.report import SET_ASIDE
from collecte.settings import Settings
from collecte.steps.decisions import APPROVERS
from collecte.steps.find import ADMINISTRATIVE
from collecte.zones import write_whole, zone_folder

#: The folder of a challenge's own pages among its reports, and the board in it.
OWN, BOARD = "_challenge", "board.json"


def write_board(challenge_id: str, settings: Settings | None = None) -> dict[str, int]:
    """Write a challenge's board anew, and beside it the landing pages of its Open Data packages; how many centres.

    Raises:
        NeedsPerson: the challenge file is broken, the catalogue cannot be had, or the folder cannot be written.
    """
    settings = settings or Settings.from_environment()
    challenge = load(settings.challenges / f"{challenge_id}.yaml")
    catalogue = open_catalogue(settings.catalogue)
    reports = zone_folder(settings.reports, "COLLECTE_REPORTS")
    opened = zone_folder(settings.open, "COLLECTE_OPEN") / challenge.id
    with catalogue.read() as connection:
        published = [row.label for row in packages_of(connection, challenge.id, "open")]
    for label in published:
        page = opened / label / "index.html"
        if page.is_file():
            _write(reports / challenge.id / OWN / f"open-{label}.html", page.read_bytes())
    return keep_board(challenge, catalogue, reports)


def keep_board(challenge: Challenge, catalogue: Catalogue, reports: Path) -> dict[str, int]:
    """Write the board as the catalogue stands; how many centres it has.

    Raises:
        NeedsPerson: the folder of reports cannot be written.
    """
    content = board(challenge, catalogue, datetime.now(UTC))
    text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True)
    _write(reports / challenge.id / OWN / BOARD, text.encode())
    return {"centres": len(challenge.centres)}


def board(challenge: Challenge, catalogue: Catalogue, at: datetime) -> dict[str, Any]:
    """The board as a page needs it, in plain values: figures by centre, and below them the challenge's own line."""
    with catalogue.read() as connection:
        groups = files_by_centre(connection, challenge.id)
        last = last_deliveries(connection, challenge.id)
        releases = packages_of(connection, challenge.id, "release")
        frozen = [row for row in releases if row.state == "frozen"]
        released = released_by_centre(connection, frozen[-1].id) if frozen else {}
        return {
            "challenge": challenge.id,
            "title": {"fr": challenge.title.fr, "en": challenge.title.en},
            "at": at.isoformat(),
            "centres": [
                _centre(centre, groups, last.get(centre.id), released.get(centre.id, 0)) for centre in challenge.centres
            ],
            "homogeneity": _homogeneity(connection, challenge),
            "releases": [_package(connection, challenge, "release", row) for row in reversed(releases)],
            "open": [
                _package(connection, challenge, "open", row)
                for row in reversed(packages_of(connection, challenge.id, "open"))
            ],
            "recalls": {
                "pending": len(recalls_of(connection, challenge.id, *PENDING)),
                "all": len(recalls_of(connection, challenge.id)),
            },
        }


def _centre(centre: Centre, groups: list[FileGroup], last: LastDelivery | None, released: int) -> dict[str, Any]:
    """``received`` is what its report says: the sum of all states; what only spoke of other files is no refusal."""
    count = Counter[str]()
    for group in groups:
        if group.centre != centre.id:
            continue
        count["received"] += group.files
        if group.state in SET_ASIDE and not (group.state is State.REJECTED and group.kind == ADMINISTRATIVE):
            count["refused"] += group.files
        if group.state is State.ACCEPTED:
            count["valid"] += group.files
            count["at_hdh"] += group.files if group.shipped else 0
    return {
        "id": centre.id,
        "name": centre.name,
        "promised": sum(promise.files for promise in centre.promised),
        **{name: count[name] for name in ("received", "refused", "valid", "at_hdh")},
        "released": released,
        "last": last and {"label": last.label, "state": last.state, "at": last.at.isoformat()},
        "agreement_ends": ends.isoformat() if (ends := centre.agreement.ends) else None,
    }


def _homogeneity(connection: Connection, challenge: Challenge) -> dict[str, str] | None:
    """What was found last. ``decided``: the newest answer of a coordinator since then, where it is red or was."""
    found = newest_verdict(connection, challenge.id)
    if found is None:
        return None
    digest, verdict, at = found
    given = [
        one.answer
        for one in decisions_about(connection, challenge.id, "homogeneity")
        if challenge.people.role_of(one.login) == one.role and (one.digest == digest or one.at >= at)
    ]
    return {"verdict": verdict, "decided": given[-1] if given else "", "at": at.isoformat()}


def _package(connection: Connection, challenge: Challenge, kind: PackageKind, row: PackageRow) -> dict[str, Any]:
    """A version: how far it is, who has approved it as it is now, where it was sent."""
    sent = [one for one in shipments_of_package(connection, row.id) if one.digest == row.digest]
    return {
        "label": row.label,
        "state": row.state,
        "remade": row.replaces is not None,
        "answers": _answers(connection, challenge, row) if row.digest else {},
        "asked": list(APPROVERS[kind]),
        "hosts": [{"id": one.destination, "done": one.done_at is not None, "receipts": one.receipts} for one in sent],
    }


def _answers(connection: Connection, challenge: Challenge, row: PackageRow) -> dict[str, str]:
    """The newest answer of each role over this digest, or over the one that a recall replaced: what is less than was
    approved is asked of nobody. Only of logins that the challenge file still names.
    """
    digests = {row.digest, row.replaces}
    given = [one for one in decisions_about(connection, challenge.id, row.about) if one.digest in digests]
    return {one.role: one.answer for one in given if challenge.people.role_of(one.login) == one.role}


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, BytesIO(content))
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "unknown")
        raise NeedsPerson(
            f"The page {path.name} cannot be written ({name}).",
            "make room, and give the user that runs Collecte the right to write there; then run it again.",
        ) from None
