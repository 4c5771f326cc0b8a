"""How a plan and its outcome read: as Markdown for the officer who approves, as a page for the file, as mails."""

import html
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import yaml

from collecte.errors import Bug
from collecte.findings import Language
from collecte.recall.plan import Copies, Plan

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b2430}"
    "table{border-collapse:collapse;width:100%}td,th{border:1px solid #c9ced6;padding:.4rem .6rem;text-align:left;"
    "vertical-align:top}td{overflow-wrap:anywhere}.en{color:#4a5564}"
)
_HEADS = ("place", "action", "count", "ids")


@cache
def _texts() -> Mapping[str, Mapping[Language, str]]:
    texts: Mapping[str, Mapping[Language, str]] = yaml.load(
        Path(__file__).with_name("texts.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader
    )
    return texts


def said(key: str, language: Language, **values: object) -> str:
    """A text of ``texts.yaml``.

    Raises:
        Bug: there is no such key.
    """
    try:
        return _texts()[key][language].format(**values)
    except KeyError:
        raise Bug(f"There is no text {key} of recalls in {language}, or it lacks a value.") from None


def both(key: str, **values: object) -> str:
    """A text in both languages, French first."""
    return f"{said(key, 'fr', **values)} / {said(key, 'en', **values)}"


def plan_markdown(plan: Plan) -> str:
    """What the data-protection officer approves: every place, in both languages."""
    lines = [*(_asked(plan, language) for language in ("fr", "en")), ""]
    if plan.places:
        lines += ["| " + " | ".join(both(f"head.{head}") for head in _HEADS) + " |", "|---|---|---|---|"]
        lines += ["| " + " | ".join(_cells(copies)) + " |" for copies in plan.places]
    else:
        lines.append(both("nothing"))
    lines += ["", f"**{both('head.beyond')}**", *(f"- {line}" for line in _beyond(plan.beyond))]
    return "\n".join(lines)


def recall_page(plan: Plan, found: Mapping[str, int], beyond: Sequence[tuple[str, int]]) -> str:
    """The page that proves it: the plan, what a search of each place found afterwards, ``beyond`` as it turned out."""
    title = both("title", recall=plan.recall)
    heads = "".join(f"<th>{html.escape(both(f'head.{head}'))}</th>" for head in (*_HEADS, "found"))
    rows = (
        "".join(f"<td>{html.escape(cell)}</td>" for cell in (*_cells(copies), str(found.get(copies.place, ""))))
        for copies in plan.places
    )
    return "\n".join(
        (
            '<!doctype html><html lang="fr"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{html.escape(title)}</h1>",
            f"<p>{html.escape(_asked(plan, 'fr'))}</p>",
            f'<p class="en" lang="en">{html.escape(_asked(plan, "en"))}</p>',
            f"<table><thead><tr>{heads}</tr></thead><tbody>",
            *(f"<tr>{row}</tr>" for row in rows),
            "</tbody></table>",
            f"<h2>{html.escape(both('head.beyond'))}</h2><ul>",
            *(f"<li>{html.escape(line)}</li>" for line in _beyond(beyond)),
            "</ul></body></html>\n",
        )
    )


def mail_text(parts: Sequence[str], plan: Plan, challenge: str, **counts: object) -> str:
    """A mail, French first; its first line is fit for the subject. ``parts``: what it tells, of ``hdh``, ``host``,
    ``public``, ``centre`` and ``coordinator``. Counts alone.
    """
    request = said(plan.request, "fr")
    lines = [said("mail.subject", "fr", challenge=challenge, recall=plan.recall, request=request), ""]
    for language in _LANGUAGES:
        lines += [*(said(f"mail.{part}", language, **counts) for part in parts), said("mail.closing", language), ""]
    return "\n".join(lines)


_LANGUAGES: tuple[Language, ...] = ("fr", "en")


def _asked(plan: Plan, language: Language) -> str:
    request = said(plan.request, language)
    return said("asked", language, centre=plan.centre, target=plan.target, request=request)


def _cells(copies: Copies) -> tuple[str, str, str, str]:
    kind, _, name = copies.place.partition("/")
    return both(f"place.{kind}", name=name), both(f"action.{copies.action}"), str(copies.count), copies.ids


def _beyond(beyond: Sequence[tuple[str, int]]) -> Iterator[str]:
    for name, count in beyond:
        yield both(f"beyond.{name}", count=count)
