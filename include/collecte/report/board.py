"""The page *Collecte* in Airflow: of each challenge a table of centres and stages, and below it the challenge's own."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from collecte.report.html import render
from collecte.report.records import AGREEMENT_NOTICE, today_in_paris
from collecte.report.texts import Tongue

#: The figures of a centre in the order of its way, and their headings.
STAGES: Mapping[str, str] = {
    "promised": "board.promised",
    "received": "board.received",
    "refused": "board.refused",
    "valid": "board.valid",
    "at_hdh": "board.at_hdh",
    "released": "board.released",
}
#: Homogeneity, by what was found and whether a coordinator has decided: the notice's class and the text.
_VERDICTS: Mapping[tuple[str, bool], tuple[str, str]] = {
    ("green", False): ("good", "board.green"),
    ("green", True): ("good", "board.decided"),
    ("amber", False): ("", "board.amber"),
    ("amber", True): ("", "board.decided"),
    ("red", False): ("grave", "board.red"),
    ("red", True): ("good", "board.decided"),
}
_ANSWERS: Mapping[str, str] = {"approve": "board.approved", "reject": "board.rejected", "": "board.awaited"}
_ROLES: Mapping[str, str] = {"coordinator": "board.coordinator", "data_protection_officer": "board.officer"}


def board_page(boards: Sequence[Mapping[str, Any]], now: datetime, script: str = "") -> str:
    """One page of the boards as :func:`collecte.steps.board.board` gives them, each centre, package and challenge with
    ``links`` beside its figures (addresses by figure; what has none is plain text); what is the challenge's own stands
    in ``own``, None where the reader may see some of its centres alone.

    ``script``: put into the page as it is, so it must be ours.
    """
    today = today_in_paris(now)
    return render(
        "board.html.jinja",
        boards=boards,
        tongues=(Tongue("fr"), Tongue("en")),
        stages=STAGES,
        script=script,
        source=script_source(script),
        moment=datetime.fromisoformat,
        day=lambda t, text: t.day(today_in_paris(datetime.fromisoformat(text))),
        ends=lambda t, text: t.day(date.fromisoformat(text)) if text else t("centres.open"),
        due=lambda text: _due(text, today),
        verdict=lambda found: _VERDICTS[found["verdict"], bool(found["decided"])],
        approvals=_approvals,
    )


def script_source(script: str) -> str:
    """What a page's policy says, so that the browser runs this script and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _due(ends: str | None, today: date) -> str:
    """The heading of a warning about an agreement's end, or nothing."""
    left = date.fromisoformat(ends) - today if ends else None
    if left is None or left > AGREEMENT_NOTICE:
        return ""
    return "centres.over" if left < timedelta(0) else "centres.soon"


def _approvals(t: Tongue, package: Mapping[str, Any]) -> list[str]:
    """Who was asked about a package, and what they said, in words."""
    said = [(role, package["answers"].get(role, "")) for role in package["asked"]]
    return [f"{t(_ROLES[role])}{t.colon} {t(_ANSWERS[answer])}" for role, answer in said]
