"""Who could be told from others, and what is made coarser so that nobody can: no more than is needed."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collecte.challenge import QuasiIdentifier
from collecte.disclosure import generalise, measure
from collecte.disclosure.generalise import banded

AGE = QuasiIdentifier(column="age", bands=(5, 10, 20))
SEX = QuasiIdentifier(column="sex")


def cohort(*rows: tuple[object, object]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["age", "sex"], index=[f"case-{n}" for n in range(len(rows))])


def test_the_smallest_class_is_k_and_its_subjects_are_named() -> None:
    risk = measure(cohort((40, "F"), (40, "F"), (41, "M")), ["age", "sex"], 2)
    assert (risk.k, risk.subjects, risk.classes, risk.unique, risk.rare) == (1, 3, 2, 1, ("case-2",))
    assert risk.share_unique == pytest.approx(1 / 3)
    assert [finding.code for finding in risk.findings] == ["DISCLOSURE-K-TOO-SMALL"]


def test_absent_values_are_a_class_of_their_own_and_absent_columns_none() -> None:
    frame = cohort((40, "F"), (None, "F"), (None, "F"))
    assert measure(frame, ["age", "sex"], 2).k == 1
    assert measure(frame, ["nothing"], 2).k == 3


def test_nobody_is_no_risk_and_one_subject_is_alone() -> None:
    assert measure(cohort(), ["age"], 5).findings == ()
    alone = measure(cohort((40, "F")), [], 5)
    assert (alone.k, alone.unique, alone.rare) == (1, 1, ("case-0",))


def test_the_finest_bands_that_serve_are_taken() -> None:
    found = generalise(cohort((40, "F"), (44, "F"), (41, "M"), (43, "M")), [AGE, SEX], 2)
    assert [(step.column, step.band) for step in found.steps] == [("age", 5), ("sex", 0)]
    assert (found.before.k, found.after.k) == (1, 2)
    assert set(found.frame["age"]) == {"[40, 45)"}


def test_where_enough_share_each_nothing_is_made_coarser() -> None:
    found = generalise(cohort(*[(40, "F")] * 5), [AGE, SEX], 5)
    assert found.frame.equals(cohort(*[(40, "F")] * 5))


def test_a_column_is_dropped_only_where_no_band_serves() -> None:
    found = generalise(cohort((18, "F"), (44, "F"), (71, "F"), (90, "F")), [AGE, SEX], 4)
    assert [(step.column, step.band) for step in found.steps] == [("age", None), ("sex", 0)]
    assert "age" not in found.frame


def test_too_few_subjects_keep_nothing_and_the_finding_stays() -> None:
    found = generalise(cohort((18, "F"), (44, "M")), [AGE, SEX], 5)
    assert list(found.frame.columns) == []
    assert [finding.code for finding in found.findings] == ["DISCLOSURE-K-NOT-REACHED"]


def test_what_was_made_coarser_is_told_and_k_of_one_is_refused() -> None:
    rows = cohort((40, "F"), (44, "F"), (41, "M"), (43, "M"))
    assert [finding.code for finding in generalise(rows, [AGE, SEX], 2).findings] == ["DISCLOSURE-GENERALISED"]
    assert [finding.code for finding in generalise(rows, [AGE, SEX], 1).findings] == ["DISCLOSURE-K-IS-ONE"]


@pytest.mark.parametrize(
    ("value", "band", "said"),
    [
        (33, 5, "[30, 35)"),
        ("33,4", 5, "[30, 35)"),
        ("90+", 5, "90+"),
        (None, 5, None),
        (-1, 10, "[-10, 0)"),
        ("", 5, ""),
    ],
)
def test_a_band_says_from_where_to_where(value: object, band: float, said: object) -> None:
    assert banded(value, band) == said


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 99) | st.none(), st.sampled_from(["F", "M", None])), min_size=1, max_size=30),
    st.integers(1, 6),
)
def test_generalised_data_hold_k_or_have_lost_every_column(rows: list[tuple[object, object]], k: int) -> None:
    found = generalise(cohort(*rows), [AGE, SEX], k)
    assert found.after.k >= min(k, len(rows))
    assert found.after.subjects == len(rows)
    assert found.after.k >= found.before.k
