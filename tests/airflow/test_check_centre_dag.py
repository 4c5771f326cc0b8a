"""What the log and the error of a check say."""

import logging

import pytest

from collecte.errors import NeedsPerson
from collecte.findings import Finding
from collecte.steps import Check
from collecte_airflow.checks import tell_checks


def test_each_check_is_a_line_and_one_that_failed_fails_the_task_with_its_remedy(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    finding = Finding("CHECK-LOGIN-REFUSED")
    checks = [Check("reachable", "ok"), Check("login", "not", "refused", finding), Check("read", "skipped")]
    with pytest.raises(NeedsPerson, match=r"1 of 3 checks failed: login\. To do: Ask the centre"):
        tell_checks(checks)
    assert [record.levelname for record in caplog.records] == ["INFO", "ERROR", "INFO"]
    assert finding.remedy("fr") in caplog.text
    assert finding.remedy("en") in caplog.text


def test_where_all_hold_they_are_counted() -> None:
    assert tell_checks([Check("reachable", "ok"), Check("login", "ok")]) == {"checks": 2}
