"""Do the centres' data belong together? The coordinator's page of a challenge: centre by fact, the worst in words."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from collecte.findings import Finding, Language
from collecte.report.html import render
from collecte.report.records import Challenge
from collecte.report.texts import Tongue

Level = Literal["green", "amber", "red", "unjudged"]

_ORDER: Mapping[str, int] = {"red": 0, "amber": 1, "green": 2, "unjudged": 3}
#: How many differences are put into words.
_WORST = 3
#: How near a ratio of typical values lies to a power of ten (in decimal logarithms), to suggest another unit.
_NEAR = 0.1
#: What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|", "%")
_LANGUAGES: tuple[Language, ...] = ("fr", "en")


@dataclass(frozen=True)
class Difference:
    """One centre against the others in one fact. ``effect`` from 0; ``n``: values here; ``here`` and ``elsewhere``:
    what is typical. ``finding``: None where the suite found nothing.
    """

    fact: str
    centre: str
    statistic: str
    effect: float
    n: int
    level: Level
    here: str
    elsewhere: str
    finding: Finding | None = None


@dataclass(frozen=True)
class HomogeneityReport:
    """What the page is made from. ``digest``: of what was judged; ``names`` and ``contacts``: of centres, by id;
    ``table``: the file with all effects, beside the page.
    """

    challenge: Challenge
    verdict: Literal["green", "amber", "red"]
    digest: str
    names: Mapping[str, str]
    contacts: Mapping[str, str]
    differences: Sequence[Difference]
    left_out_centres: Sequence[str]
    left_out_facts: Sequence[str]
    ignored: Sequence[str]
    table: str

    @property
    def cells(self) -> Mapping[str, Mapping[str, Difference]]:
        """The gravest difference of each centre, by fact; the facts with the gravest ones first."""
        found: dict[str, dict[str, Difference]] = {}
        for one in sorted(self.differences, key=_gravity):
            found.setdefault(one.fact, {}).setdefault(one.centre, one)
        # Whether there are files at all is worth a line where something is wrong with it.
        return {fact: of for fact, of in found.items() if fact != "files" or any(one.finding for one in of.values())}

    @property
    def worst(self) -> Sequence[Difference]:
        """The three facts with the gravest differences, each at its gravest centre: one centre in another unit makes
        all others differ a little too.
        """
        told = [min(cells.values(), key=_gravity) for cells in self.cells.values()]
        return sorted((one for one in told if one.finding), key=_gravity)[:_WORST]


def homogeneity_page(report: HomogeneityReport) -> str:
    """One self-contained HTML page, French first; it asks no network and names no patient. The same report gives the
    same text.
    """
    centres = sorted({one.centre for one in report.differences})
    return render(
        "homogeneity.html.jinja",
        report=report,
        tongues=(Tongue("fr"), Tongue("en")),
        centres=centres,
        what=_what,
        ask=_ask,
        fact=_fact,
        factor=_factor,
        statistic=lambda t, one: t.or_other("homogeneity.what", one.statistic, "homogeneity.what.other"),
    )


def homogeneity_text(red: Sequence[Mapping[str, str]], names: Mapping[str, str]) -> str:
    """What a coordinator is asked about, in Markdown: every difference that stops a release, French first."""
    lines = []
    for language in _LANGUAGES:
        t = Tongue(language)
        lines += [t("homogeneity.question"), ""]
        heads = ("fact", "centre", "effect", "here", "elsewhere")
        lines += ["| " + " | ".join(t(f"homogeneity.{head}") for head in heads) + " |", "|---" * len(heads) + "|"]
        for one in red:
            cells = (
                f"`{one['fact']}`",
                f"{names.get(one['centre'], one['centre'])} (`{one['centre']}`)",
                f"{one['effect']} ({t.or_other('homogeneity.what', one['statistic'], 'homogeneity.what.other')})",
                one["here"],
                one["elsewhere"],
            )
            lines.append("| " + " | ".join(cell.replace("|", "∣") for cell in cells) + " |")
        lines += ["", t("homogeneity.answers"), ""]
    return "\n".join(lines)


def effects_csv(rows: Iterable[Mapping[str, object]]) -> str:
    """The effects table as CSV; a text that a spreadsheet would run as a formula is quoted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for number, row in enumerate(rows):
        if not number:
            writer.writerow(row)
        writer.writerow(_cell(value) for value in row.values())
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return f"'{value}" if isinstance(value, str) and value.lstrip().startswith(_FORMULA) else value


def _gravity(one: Difference) -> tuple[int, float, str, str, str]:
    """The gravest first; of one level the larger effect."""
    return _ORDER[one.level], -one.effect, one.fact, one.centre, one.statistic


def _what(t: Tongue, report: HomogeneityReport, one: Difference) -> str:
    """What differs, in words."""
    values = {"name": report.names.get(one.centre, one.centre), "fact": _fact(t, one.fact)}
    return t.or_other(
        "homogeneity.said", one.statistic, "homogeneity.said.other", here=one.here, elsewhere=one.elsewhere, **values
    )


def _ask(t: Tongue, one: Difference) -> str:
    return t.or_other("homogeneity.ask", one.statistic, "homogeneity.ask.other")


def _fact(t: Tongue, fact: str) -> str:
    """``table.taille_cm`` as a reader knows it."""
    kind, _, name = fact.partition(".")
    known = f"homogeneity.of_{kind}" if kind in ("table", "dicom") else "homogeneity.of_other"
    return t.or_other("homogeneity.name", fact, known, name=name or fact)


def _factor(one: Difference) -> int | None:
    """The power of ten by which two typical numbers differ: a hint at another unit."""
    try:
        here, elsewhere = abs(float(one.here)), abs(float(one.elsewhere))
    except ValueError:
        return None
    if not here or not elsewhere:
        return None
    power = abs(math.log10(here / elsewhere))
    return 10 ** round(power) if round(power) and abs(power - round(power)) < _NEAR else None
