"""Centres that belong together pass; each way of differing is told of its own centre and fact, and of no other."""

import json
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collecte.challenge import Challenge
from collecte.facts import open_facts, write_facts
from collecte.quality.homogeneity import (
    STATISTICS,
    Homogeneity,
    Measured,
    Sample,
    TableFile,
    counted,
    effects_table,
    judge,
    load_accepted,
    load_tables,
)
from collecte.quality.suites import FOLDER
from tests import fictional
from tests.quality.conftest import IMAGE

Rows = Sequence[Mapping[str, Any]]
Compare = Callable[..., Homogeneity]
COLUMNS = [
    {"names": ["ipp"], "action": "pseudonym"},
    {"names": ["age"], "action": "age"},
    {"names": ["taille"], "action": "keep"},
    {"names": ["sexe"], "action": "keep", "values": ["M", "F"]},
    {"names": ["diagnostic"], "action": "label"},
    {"names": ["examen"], "action": "date"},
    {"names": ["commentaire"], "action": "text"},
]
CENTRES = ("nord", "sud", "est")


def challenge(**homogeneity: Any) -> Challenge:
    return fictional.challenge({"dicom": {}, "table": {"columns": COLUMNS}}, homogeneity=homogeneity)


def patients(centre: str, n: int = 30, **changed: Any) -> list[dict[str, Any]]:
    """Rows of a centre's table; ``changed``: a column's values, or what makes one out of the row's number."""
    chance = random.Random(centre)
    rows = [
        {
            "subject": f"sub-{centre}{number}",
            "age": str(chance.randint(30, 80)),
            "taille": f"{chance.gauss(170, 8):.1f}",
            "sexe": "MF"[number % 2],
            "diagnostic": str(number // 2 % 2),
            "examen": f"2025-{1 + number % 12:02d}-11",
        }
        for number in range(n)
    ]
    return [{**row, **{k: v(i, row) if callable(v) else v for k, v in changed.items()}} for i, row in enumerate(rows)]


def images(centre: str, n: int = 12, **changed: Any) -> list[dict[str, Any]]:
    return [
        {**IMAGE, "object_id": None, "subject": f"sub-{centre}{i}", "pixel_sha256": f"{centre}{i}", **changed}
        for i in range(n)
    ]


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    """``compare({centre: table rows}, {centre: image rows}, …)``: what judging gives, from files on the disk."""

    def run(
        tables: Mapping[str, Rows], facts: Mapping[str, Rows] | None = None, lost: int = 0, **asked: Any
    ) -> Homogeneity:
        tried = asked.pop("challenge", None) or challenge(**asked.pop("homogeneity", {}))
        accepted: list[tuple[int, str]] = []
        for centre, rows in (facts or {}).items():
            folder = tmp_path / "_facts" / f"challenge={tried.id}" / f"centre={centre}" / "delivery=d0001"
            folder.mkdir(parents=True)
            numbered = [{"file_id": len(accepted) + i, **row} for i, row in enumerate(rows)]
            write_facts(folder / "1.parquet", numbered[lost:])
            accepted += [(row["file_id"], centre) for row in numbered]
        found = [TableFile(centre, _table(tmp_path / f"{centre}.csv", rows)) for centre, rows in tables.items()]
        with closing(open_facts(tmp_path, tried.id)) as connection:
            with load_accepted(connection) as load:
                for file_id, centre in accepted:
                    load(file_id, centre)
            load_tables(connection, tried, found)
            statistics = asked.pop("statistics", STATISTICS)
            effects = effects_table(counted(connection, tried, tried.homogeneity.ignored), tried, statistics)
        return judge(effects, tried, **asked)

    return run


def _table(path: Path, rows: Rows) -> Path:
    names = list(rows[0])
    lines = [",".join(names), *(",".join(str(row.get(name, "")) for name in names) for row in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def told(found: Homogeneity) -> set[tuple[str, str, str]]:
    """Code, fact and centre of each finding."""
    return {(named.finding.code, named.finding.place, found.effects.iloc[named.row]["centre"]) for named in found.found}


def red(found: Homogeneity) -> set[tuple[str, str]]:
    return {(fact, centre) for code, fact, centre in told(found) if code == "HOMOGENEITY-DIFFERS-MUCH"}


def test_centres_that_belong_together_are_green(compare: Compare) -> None:
    found = compare({c: patients(c) for c in CENTRES}, {c: images(c) for c in CENTRES})
    assert (found.verdict, told(found)) == ("green", set())
    assert {"dicom.rows", "table.taille", "table.age", "table.diagnostic", "table.examen"} <= set(found.effects["fact"])
    assert "table.commentaire" not in set(found.effects["fact"])


def test_another_unit_is_red_at_its_centre_alone_and_says_what_is_usual(compare: Compare) -> None:
    metres = patients("est", taille=lambda _, row: f"{float(row['taille']) / 100:.2f}")
    found = compare({"nord": patients("nord"), "sud": patients("sud"), "est": metres})
    assert found.verdict == "red"
    assert red(found) == {("table.taille", "est")}
    row = found.effects[(found.effects["centre"] == "est") & (found.effects["statistic"] == "mean_difference")]
    row = row[row["fact"] == "table.taille"].iloc[0]
    assert float(row["here"]) < 2 < 160 < float(row["elsewhere"])
    assert row["q"] < 0.001


def test_other_codes_other_labels_and_other_machines_are_told(compare: Compare) -> None:
    tables = {
        "nord": patients("nord", sexe=lambda i, _: "12"[i % 2]),
        "sud": patients("sud", diagnostic="1"),
        "est": patients("est"),
    }
    facts = {c: images(c, manufacturer="A" if c == "est" else "B", rows=256 if c == "est" else 512) for c in CENTRES}
    found = compare(tables, facts)
    assert red(found) >= {("table.sexe", "nord"), ("dicom.manufacturer", "est"), ("dicom.rows", "est")}
    assert ("HOMOGENEITY-DIFFERS", "table.diagnostic", "sud") in told(found)
    assert ("HOMOGENEITY-EMPTY-CLASS", "table.diagnostic", "sud") in told(found)


def test_words_where_others_write_numbers_make_the_column_one_of_categories(compare: Compare) -> None:
    found = compare({c: patients(c, **({"taille": "grand"} if c == "est" else {})) for c in CENTRES})
    of_height = found.effects[found.effects["fact"] == "table.taille"]
    assert set(of_height["statistic"]) == {"cramers_v", "missing_share"}
    assert red(found) == {("table.taille", "est")}
    assert of_height[of_height["centre"] == "est"]["elsewhere"].iloc[0].startswith("123… (100%)")


def test_a_column_that_one_centre_lacks_or_leaves_empty_is_missing_there(compare: Compare) -> None:
    lacking = [{k: v for k, v in row.items() if k != "age"} for row in patients("est")]
    found = compare({"nord": patients("nord", examen=""), "sud": patients("sud"), "est": lacking})
    assert {("HOMOGENEITY-MISSING", "table.age", "est"), ("HOMOGENEITY-MISSING", "table.examen", "nord")} <= told(found)
    assert found.verdict == "amber"


def test_the_same_pixels_under_two_subjects_or_at_two_centres_are_counted(compare: Compare) -> None:
    facts = {c: images(c) for c in CENTRES}
    facts["nord"][1]["pixel_sha256"] = facts["nord"][0]["pixel_sha256"]
    facts["sud"][5]["pixel_sha256"] = facts["est"][5]["pixel_sha256"]
    found = compare({}, facts)
    assert told(found) == {
        ("HOMOGENEITY-SAME-PIXELS-SUBJECTS", "dicom.pixels.subjects", "nord"),
        ("HOMOGENEITY-SAME-PIXELS-CENTRES", "dicom.pixels.centres", "sud"),
        ("HOMOGENEITY-SAME-PIXELS-CENTRES", "dicom.pixels.centres", "est"),
    }
    assert found.found[0].finding.values["effect"] == "2"


def test_one_subject_may_have_the_same_image_twice(compare: Compare) -> None:
    facts = {c: images(c) for c in CENTRES}
    facts["nord"][1] |= {"pixel_sha256": "nord0", "subject": "sub-nord0"}
    assert told(compare({}, facts)) == set()


def test_a_series_counts_once_whatever_its_length(compare: Compare) -> None:
    facts = {c: images(c) for c in CENTRES}
    facts["est"] += [{**row, "object_id": 77, "rows": 64} for row in images("est", 300)]
    found = compare({}, facts)
    row = found.effects.query('fact == "dicom.rows" and centre == "est" and statistic == "mean_difference"').iloc[0]
    assert row["n"] == 13


def test_a_centre_alone_is_told_and_compared_with_nobody(compare: Compare) -> None:
    found = compare({"nord": patients("nord")}, {"nord": images("nord")})
    assert told(found) == {("HOMOGENEITY-ONE-CENTRE", "files", "nord")}
    assert found.verdict == "amber"


def test_too_few_values_and_chance_are_not_judged(compare: Compare) -> None:
    few = patients("est", 4, taille="1.7")
    found = compare({"nord": patients("nord"), "sud": patients("sud"), "est": few})
    assert not [one for one in told(found) if one[2] == "est"]
    assert not found.effects[(found.effects["centre"] == "est") & found.effects["q"].notna()]["judged"].any()


def test_constant_empty_and_single_valued_facts_crash_nothing(compare: Compare) -> None:
    constant = {c: patients(c, taille="170", diagnostic="1", age="", sexe="") for c in CENTRES}
    found = compare(constant, {c: images(c, patient_sex=None) for c in CENTRES})
    assert found.verdict == "green"
    assert "table.age" not in set(found.effects["fact"])


def test_nothing_at_all_is_judged_without_a_word(compare: Compare) -> None:
    found = compare({})
    assert (found.verdict, len(found.effects)) == ("green", 0)


def test_a_file_whose_facts_are_gone_makes_it_red(compare: Compare) -> None:
    found = compare({}, {c: images(c) for c in CENTRES}, lost=2)
    assert told(found) == {("HOMOGENEITY-NO-FACTS", "files", c) for c in CENTRES}
    assert found.verdict == "red"


def test_thresholds_and_ignored_facts_are_the_challenge_s(compare: Compare) -> None:
    metres = patients("est", taille=lambda _, row: f"{float(row['taille']) / 100:.2f}")
    tables = {"nord": patients("nord"), "sud": patients("sud"), "est": metres}
    assert compare(tables, homogeneity={"ignored": ["table.taille"]}).verdict == "green"
    strict = {"label_share": {"amber": 0.0, "red": 0.0}, "q": 1.0, "smallest_sample": 2}
    assert red(compare(tables, homogeneity=strict)) >= {("table.diagnostic", c) for c in CENTRES}


def test_many_distinct_numbers_and_categories_stay_few_in_memory(compare: Compare) -> None:
    tables = {
        c: [
            {"subject": f"{c}{i}", "taille": str(i * 1.0001 + len(c)), "diagnostic": str(i % 500)}
            for i in range(15_000)
        ]
        for c in ("nord", "est")
    }
    found = compare(tables)
    assert red(found) == set()
    assert found.effects.query('statistic == "kolmogorov_smirnov"')["n"].tolist() == [15_000, 15_000]


# --- a further expectation: a statistic, a line of the registry, an entry of the suite


class OddDigits:
    """Toy: how much more often than elsewhere a number ends in an odd digit. From 0 to 1."""

    KINDS = frozenset({"numbers"})

    def measure(self, sample: Sample) -> Measured | None:
        if not sample.here.n or not sample.rest.n:
            return None
        here, rest = (
            float(side.counts[np.round(side.values.astype(float) * 10) % 2 == 1].sum()) / side.n
            for side in (sample.here, sample.rest)
        )
        return Measured(abs(here - rest))


def test_a_further_expectation_is_a_module_a_line_and_an_entry(compare: Compare, tmp_path: Path) -> None:
    suites = Path(shutil.copytree(FOLDER, tmp_path / "expectations"))
    raw = json.loads((suites / "homogeneity.json").read_text("utf-8"))
    entry = {
        "type": "expect_column_values_to_be_between",
        "kwargs": {
            "column": "effect",
            "max_value": 0.4,
            "row_condition": 'judged == True and statistic == "odd_digits"',
            "condition_parser": "pandas",
        },
        "meta": {"finding": "HOMOGENEITY-DIFFERS", "severity": "warning", "why": "Digits are not preferred."},
    }
    raw["expectations"].append(entry)
    (suites / "homogeneity.json").write_text(json.dumps(raw), "utf-8")
    rounded = patients("est", taille=lambda _, row: f"{round(float(row['taille'])):d}.0")
    tables = {"nord": patients("nord"), "sud": patients("sud"), "est": rounded}
    found = compare(tables, statistics={**STATISTICS, "odd_digits": OddDigits()}, folder=suites)
    assert ("HOMOGENEITY-DIFFERS", "table.taille", "est") in told(found)
    assert told(compare(tables, folder=suites)) == set()
