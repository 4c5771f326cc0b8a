"""Dates are read in all usual writings, and not guessed."""

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collecte.formats.table._columns import plain
from collecte.formats.table._dates import birth_date, holds_date, parse_date, shifted

DAY = date(2020, 3, 12)
FORMS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d %m %Y", "%Y%m%d", "%d %B %Y",
    "%d-%b-%Y", "%B %d, %Y",
)  # fmt: skip


@given(st.dates(date(1880, 1, 1), date(2099, 12, 31)), st.sampled_from(FORMS))
def test_every_day_is_read_in_every_form(day: date, form: str) -> None:
    text = plain(day.strftime(form))
    assert parse_date(text) == day
    assert birth_date(text) == f"{day:%Y%m%d}"
    if day.year >= 1900:
        assert holds_date(f"vu le {text} et sorti")


@pytest.mark.parametrize(
    "text",
    [
        "12 mars 2020",
        "Jeudi 12 mars 2020",
        "12-Mar-2020",
        "12 Mars 2020",
        "March 12th, 2020",
        "1er février 2020",
        "2020-3-12",
    ],
)
def test_months_are_read_in_french_and_english(text: str) -> None:
    assert parse_date(plain(text)) in (DAY, date(2020, 2, 1))


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("2020-03-12T10:11:12Z", time(10, 11, 12)),
        ("2020-03-12 10:11:12.123+01:00", time(10, 11, 12)),
        ("12/03/2020 10:11", time(10, 11)),
        ("12/03/2020 à 10h11", time(10, 11)),
        ("20200312101112", time(10, 11, 12)),
        ("20200312101112.123456", time(10, 11, 12)),
        ("202003121011", time(10, 11)),
    ],
)
def test_a_time_of_day_stays_with_its_date(text: str, clock: time) -> None:
    moment = datetime.combine(DAY, clock)
    assert parse_date(plain(text)) == moment
    assert shifted(moment, -timedelta(days=12)) == f"2020-02-29T{moment:%H:%M:%S}"


@pytest.mark.parametrize(
    "text",
    ["", "2020", "2020-03", "03/2020", "12/03/20", "31/02/2020", "12/31/2020", "1899-12-30 x", "43902",
     "2020-03-12T25:00", "1879-01-01", "2100-01-01", "12/03-2020", "DUPONT", "0000-00-00", "12mars2020x"],
)  # fmt: skip
def test_what_is_no_certain_date_is_not_read(text: str) -> None:
    assert parse_date(plain(text)) is None


@pytest.mark.parametrize("text", ["3/10", "120/80", "2019", "1.2.840.10008", "grade 3", "12,5 mm", "100/2000", "mars"])
def test_numbers_are_no_dates_in_a_text(text: str) -> None:
    assert not holds_date(text)
