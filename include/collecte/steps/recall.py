"""Taking data back: asked by a centre, planned, approved by the data-protection officer, carried out, proved, told.

``find_recalls`` or ``ask_recall`` → ``plan_recall`` → (the officer answers ``recall_question``) → ``carry_out_recall``
→ ``notify_recall``. *Opposition*: no further use. The data leave curated, the HDH, releases, hosts and Open Data; what
was received stays in landing, and what identifies stays sealed, until their retention ends. *Erasure*: they leave these
too, and the catalogue's rows with them.

Each stage is a job: killed anywhere, the next call goes on after the last that ended. What was approved is the plan by
its digest; where copies came or went since, nothing is touched and the officer is asked anew.
"""

import re
from collections.abc import Callable
from typing import Any

from collecte.catalogue import delivery_by_label, ensure_centre, is_done
from collecte.catalogue.recalls import (
    PENDING,
    RecallRow,
    Request,
    Scope,
    keep_plan,
    named,
    new_recall,
    recall_by_number,
    recall_state,
    recalls_of,
)
from collecte.errors import NeedsPerson
from collecte.recall import Plan, both, plan_markdown
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.decisions import ANSWERS, Question, latest
from collecte.steps.mails import Mail
from collecte.steps.recall_batches import remove_from_batches
from collecte.steps.recall_packages import remake_packages
from collecte.steps.recall_plan import label_of, make_plan
from collecte.steps.recall_remove import begin_removal, erase
from collecte.steps.recall_requests import read_requests
from collecte.steps.recall_told import prove, send_recall_mails

_TARGET = re.compile(r"([sofd])(\d{1,18})")
_REQUESTS: dict[str, Request] = {
    "opposition": "opposition",
    "erasure": "erasure",
    "effacement": "erasure",
}


def find_recalls(site: ChallengeSite) -> list[int]:
    """Read what the centres ask in ``recall/`` of their drops and answer it there; the numbers of all recalls that are
    not closed, whoever asked for them: what an earlier run left is gone on with.

    Raises:
        NeedsPerson: a drop cannot be reached as configured.
        Retry: a connection was lost.
    """
    read_requests(site)
    with site.catalogue.read() as connection:
        return [row.number for row in recalls_of(connection, site.challenge.id, *PENDING, "removed")]


def ask_recall(site: ChallengeSite, centre_id: str, target: str, request: str) -> int:
    """Register a recall of a subject (``s12``), an object (``o12``), the object of a file (``f12``) or a delivery
    (``d0001``) of a centre; its number. Asked again before it is closed, it is the same one.

    ``request``: ``opposition`` or ``erasure``. Never a patient's identifier: that is for ``recall/`` of the drop.

    Raises:
        NeedsPerson: there is no such centre, request or target.
    """
    if centre_id not in {centre.id for centre in site.challenge.centres}:
        known = ", ".join(centre.id for centre in site.challenge.centres)
        raise NeedsPerson("The challenge has no such centre.", f"name one of {known}.")
    asked = _REQUESTS.get(request)
    if asked is None:
        raise NeedsPerson("This is no request.", "choose opposition (no further use) or erasure (removed everywhere).")
    match = _TARGET.fullmatch(target.strip())
    if match is None:
        raise NeedsPerson(
            "This is no reference of the catalogue.",
            "name s12 (subject), o12 (object), f12 (file) or d0001 (delivery), as reports do; a patient's own "
            "identifier belongs into recall/ of the centre's drop and nowhere else.",
        )
    with site.catalogue.transaction() as connection:
        row_id = ensure_centre(connection, site.challenge.id, centre_id)
        found: tuple[Scope, int] | None
        if match[1] == "d":
            found = ("delivery", delivery_by_label(connection, row_id, f"d{int(match[2]):04d}").id)
        else:
            found = named(connection, row_id, match[1], int(match[2]))
        if found is None:
            raise NeedsPerson(
                f"Centre {centre_id} has nothing called {match[0]}.", "look the reference up in the delivery's report."
            )
        return new_recall(connection, site.challenge.id, centre_id, asked, *found).number


def list_recalls(site: ChallengeSite, *states: str) -> list[dict[str, Any]]:
    """The recalls of a challenge, all or those in some states: number, centre, target, request, state, when."""
    with site.catalogue.read() as connection:
        return [
            {
                "recall": row.number,
                "centre": row.centre,
                "target": label_of(connection, row),
                "request": row.request,
                "state": row.state,
                "asked": row.asked_at.isoformat(timespec="seconds"),
            }
            for row in recalls_of(connection, site.challenge.id, *states)
        ]


def plan_recall(site: ChallengeSite, number: int) -> dict[str, Any]:
    """Look where copies are, and keep the plan that the officer will be shown: places with counts and catalogue ids,
    and its digest. Once removal has begun, the plan that was approved.

    Raises:
        NeedsPerson: there is no such recall.
    """
    row = _recall(site, number)
    if not _begun(site, row):
        plan = make_plan(site, row)
        with site.catalogue.transaction() as connection:
            keep_plan(connection, row, plan.as_dict(), plan.digest)
        row = _recall(site, number)
    return {**dict(row.plan or {}), "digest": row.digest}


def recall_question(site: ChallengeSite, number: int) -> Question:
    """What the data-protection officer is asked: the plan, over its digest.

    Raises:
        NeedsPerson: there is no such recall, or no plan of it yet.
    """
    row, plan = _planned(site, number)
    return Question(
        about=row.about,
        digest=str(row.digest),
        role="data_protection_officer",
        title=f"{both('title', recall=row.number)}: {site.challenge.id}",
        text=plan_markdown(plan),
        answers=ANSWERS["recall"],
        values={},
    )


def carry_out_recall(site: ChallengeSite, number: int) -> dict[str, int]:
    """Remove what an approved plan names, everywhere that it names, refuse the subject at reception from now on, make
    releases and packages anew, and look at each place again; the counts of all of it. One whose plan the officer
    rejected is closed (``dismissed``), and nothing is removed.

    Raises:
        NeedsPerson: no approval over the plan as it stands; a delivery or package that it concerns is on its way; a
            place refuses; or a copy is found afterwards.
        Retry: a connection was lost.
    """
    row, plan = _planned(site, number)
    if _rejected(site, row):
        with site.catalogue.transaction() as connection:
            recall_state(connection, row, "closed")
        return {"dismissed": 1}
    counts: dict[str, int] = {}
    for stage in (begin_removal, remove_from_batches, remake_packages, erase, prove):
        counts |= stage(site, row, plan)
    return counts


def notify_recall(site: ChallengeSite, number: int, send: Callable[[Mail], None]) -> dict[str, int]:
    """Tell every recipient, in counts alone, once each; then the recall is closed.

    ``send`` hands one mail to the server, or raises Retry: those before it are then not sent a second time.

    Raises:
        NeedsPerson: the recall is not carried out yet; or as ``send`` does.
    """
    row, plan = _planned(site, number)
    return send_recall_mails(site, row, plan, send, dismissed=_rejected(site, row))


def _recall(site: ChallengeSite, number: int) -> RecallRow:
    with site.catalogue.read() as connection:
        return recall_by_number(connection, site.challenge.id, number)


def _begun(site: ChallengeSite, row: RecallRow) -> bool:
    with site.catalogue.read() as connection:
        return is_done(connection, row.challenge_id, f"{row.about}/refuse")


def _rejected(site: ChallengeSite, row: RecallRow) -> bool:
    """Whether the officer's last word over the plan is no, and nothing of it was done."""
    given = latest(site, row.about, str(row.digest)).get("data_protection_officer")
    return given is not None and given.answer == "reject" and not _begun(site, row)


def _planned(site: ChallengeSite, number: int) -> tuple[RecallRow, Plan]:
    row = _recall(site, number)
    if row.plan is None:
        raise NeedsPerson(f"Recall {number} has no plan yet.", "run plan_recall (or `collecte recall plan`) first.")
    return row, Plan.from_dict(row.plan)
