"""Do the centres' data belong together? Judged over all accepted files; red waits for a coordinator's decision.

Decisions are over one digest: of the accepted files that are at the HDH, and of the rules. What a coordinator leaves
out of it (a centre, a fact) is not judged again; the rest is, under the same digest. A further delivery, or another
threshold, gives another digest, and nothing is decided of that yet.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collecte import report as made
from collecte.catalogue import (
    AcceptedFile,
    Verdict,
    accepted_files,
    begin,
    decisions_about,
    inputs_digest,
    keep_verdict,
    verdict_over,
)
from collecte.errors import NeedsPerson
from collecte.settings import HOME
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.decisions import ANSWERS, Question
from collecte.zones import write_whole

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from collecte.quality.homogeneity import Homogeneity, TableFile

ABOUT = "homogeneity"
PAGE, TABLE = "homogeneity.html", "homogeneity.csv"
#: Moves on when another code would judge the same files otherwise.
_EDITION = "1"


@dataclass(frozen=True)
class HomogeneityState:
    """``digest``: over files and rules, decided about; ``judged``: over what is left of it, found in the catalogue.
    ``verdict`` None: not judged yet; ``red``: ``fact``, ``centre``, ``statistic``, ``effect``, ``here`` and
    ``elsewhere`` of each difference that stops a release; ``accepted``: a coordinator overruled them.
    """

    digest: str
    judged: str
    verdict: Verdict | None
    red: Sequence[Mapping[str, str]]
    left_out_centres: frozenset[str]
    left_out_facts: frozenset[str]
    accepted: bool

    @property
    def open(self) -> bool:
        """Whether a release may be made."""
        return self.verdict is not None and (self.verdict != "red" or self.accepted)


def homogeneity_now(site: ChallengeSite) -> HomogeneityState:
    """What was found and decided about the files that are accepted now."""
    with site.catalogue.read() as connection:
        digest = inputs_digest(accepted_files(connection, site.challenge.id), *_rules(site))
    return _state(site, digest)


def judge_homogeneity(site: ChallengeSite) -> dict[str, int]:
    """Compare the centres, keep the verdict, and write the page and the table of effects. Counts of what was judged.

    Raises:
        NeedsPerson: the suite cannot be used as it stands, or facts or tables of the curated zone cannot be read.
    """
    from collecte.facts import open_facts  # DuckDB, pandas and Arrow, which other steps need not load

    with closing(open_facts(site.curated, site.challenge.id)) as facts:
        tables: list[TableFile] = []
        state = _state(site, _load(site, facts, tables))
        name = f"{ABOUT}/{state.judged[:16]}/judge"
        job = begin(site.catalogue, site.challenge.id, name, again=not _is_written(site, state.judged))
        if isinstance(job, dict):
            return job
        found = _judged(site, facts, state, tables)
        files = facts.execute("SELECT count(*), count(DISTINCT centre) FROM accepted").fetchone() or (0, 0)
    counts = {
        "files": files[0],
        "centres": files[1],
        "effects": len(found.effects),
        "amber": sum(named.level == "amber" for named in found.found),
        "red": sum(named.level == "red" for named in found.found),
    }
    page = made.homogeneity_page(_report(site, state, found))
    write_whole(site.reported() / TABLE, io.BytesIO(_table(found)))
    with job.finish(counts) as connection:
        keep_verdict(connection, site.challenge.id, state.judged, found.verdict, _red(found))
    # Last: whoever finds the page finds its verdict.
    write_whole(site.reported() / PAGE, io.BytesIO(page.encode()))
    return counts


def homogeneity_question(site: ChallengeSite) -> Question | None:
    """What a coordinator is asked while it is red; None where nothing needs a decision. It is judged where it was not.

    Raises:
        NeedsPerson: as :func:`judge_homogeneity`.
    """
    state = homogeneity_now(site)
    if state.verdict is None:
        judge_homogeneity(site)
        state = homogeneity_now(site)
    if state.open:
        return None
    return Question(
        ABOUT,
        state.digest,
        "coordinator",
        f"{site.challenge.title.fr} : les centres diffèrent / the centres differ",
        made.homogeneity_text(state.red, _names(site)),
        ANSWERS[ABOUT],
        {
            "leave_out_centre": tuple(sorted({one["centre"] for one in state.red})),
            "leave_out_fact": tuple(sorted({one["fact"] for one in state.red})),
        },
    )


def _rules(site: ChallengeSite) -> list[str]:
    """What else the verdict is a function of: thresholds, the suite, what becomes of columns, this code."""
    challenge = site.challenge
    suite = (HOME / "expectations" / "homogeneity.json").read_bytes()
    tables = challenge.kinds.table
    return [
        _EDITION,
        challenge.homogeneity.model_dump_json(),
        tables.model_dump_json() if tables else "",
        hashlib.sha256(suite).hexdigest(),
    ]


def _state(site: ChallengeSite, digest: str) -> HomogeneityState:
    """What was decided over a digest, and found of what is left of it. Only who is a coordinator still counts."""
    with site.catalogue.read() as connection:
        given = decisions_about(connection, site.challenge.id, ABOUT, digest)
        given = [one for one in given if site.challenge.people.role_of(one.login) == one.role == "coordinator"]
        centres = frozenset(one.value for one in given if one.answer == "leave_out_centre")
        facts = frozenset(one.value for one in given if one.answer == "leave_out_fact")
        left = json.dumps([digest, sorted(centres), sorted(facts)]) if centres or facts else ""
        judged = hashlib.sha256(left.encode()).hexdigest() if left else digest
        found = verdict_over(connection, site.challenge.id, judged)
    accepted = any(one.answer == "accept" for one in given)
    verdict, red = (found.verdict, found.red) if found else (None, ())
    return HomogeneityState(digest, judged, verdict, red, centres, facts, accepted)


def _load(site: ChallengeSite, facts: "DuckDBPyConnection", tables: "list[TableFile]") -> str:
    """Tell DuckDB which files are accepted, and note the tables among them; the digest over files and rules. One look
    at the catalogue for all three: what is judged is what the digest is over.
    """
    from collecte.quality.homogeneity import TableFile, load_accepted

    def noted(files: Iterable[AcceptedFile]) -> Iterator[AcceptedFile]:
        for file in files:
            if file.kind == "table":
                place = site.curated / site.challenge.id / file.centre / file.delivery / file.name
                tables.append(TableFile(file.centre, place))
            load(file.id, file.centre)
            yield file

    with site.catalogue.read() as connection, load_accepted(facts) as load:
        return inputs_digest(noted(accepted_files(connection, site.challenge.id)), *_rules(site))


def _judged(
    site: ChallengeSite, facts: "DuckDBPyConnection", state: HomogeneityState, tables: "Sequence[TableFile]"
) -> "Homogeneity":
    from collecte.quality.homogeneity import STATISTICS, counted, effects_table, judge, load_tables

    left_out = {*site.challenge.homogeneity.ignored, *state.left_out_facts}
    for centre in sorted(state.left_out_centres):
        facts.execute("DELETE FROM accepted WHERE centre = ?", [centre])
    try:
        load_tables(facts, site.challenge, (one for one in tables if one.centre not in state.left_out_centres))
    except (OSError, UnicodeDecodeError, csv.Error):
        raise NeedsPerson(
            "An accepted table in curated cannot be read.",
            "check the disk of the curated zone (housekeeping names what is gone), then clear the task.",
        ) from None
    effects = effects_table(counted(facts, site.challenge, left_out), site.challenge, STATISTICS)
    return judge(effects, site.challenge)


def _red(found: "Homogeneity") -> list[dict[str, str]]:
    return [
        {name: str(row[name]) for name in ("fact", "centre", "statistic", "here", "elsewhere")}
        | {"effect": f"{row['effect']:.2f}"}
        for _, row in found.effects[found.effects["level"] == "red"].iterrows()
    ]


def _is_written(site: ChallengeSite, digest: str) -> bool:
    page = site.reported() / PAGE
    return page.is_file() and digest in page.read_text("utf-8")


def _names(site: ChallengeSite) -> dict[str, str]:
    return {centre.id: centre.name for centre in site.challenge.centres}


def _report(site: ChallengeSite, state: HomogeneityState, found: "Homogeneity") -> made.HomogeneityReport:
    of = site.challenge
    codes = {named.row: named.finding for named in found.found}
    return made.HomogeneityReport(
        made.Challenge(of.id, of.title.fr, of.title.en, of.society, of.coordinator.email),
        found.verdict,
        state.judged,
        _names(site),
        {centre.id: f"{centre.contacts[0].name} <{centre.contacts[0].email}>" for centre in of.centres},
        tuple(
            made.Difference(
                row["fact"],
                row["centre"],
                row["statistic"],
                float(row["effect"]),
                int(row["n"]),
                row["level"] if row["enough"] else "unjudged",
                row["here"],
                row["elsewhere"],
                codes.get(row["row"]),
            )
            for row in found.effects.to_dict("records")
        ),
        tuple(sorted(state.left_out_centres)),
        tuple(sorted(state.left_out_facts)),
        tuple(of.homogeneity.ignored),
        TABLE,
    )


def _table(found: "Homogeneity") -> bytes:
    """The effects as CSV. A text that a spreadsheet would run as a formula is quoted."""
    names = [name for name in found.effects.columns if name != "row"]
    return made.effects_csv({name: row[name] for name in names} for _, row in found.effects.iterrows()).encode()
