"""Each finding of a table reads well in both languages, and another test of this folder raises it."""

from pathlib import Path

import pytest
import yaml

from collecte.findings import Finding, registry
from collecte.formats import table

CODES = sorted(yaml.safe_load((Path(table.__file__).parent / "findings.yaml").read_text("utf-8")))


@pytest.mark.parametrize("code", CODES)
def test_the_text_says_what_and_the_remedy_says_what_to_do(code: str) -> None:
    finding = Finding(code, "column 3", 12, dict.fromkeys(registry()[code].placeholders, 3))
    for language in ("fr", "en"):
        assert "{" not in finding.text(language) + finding.remedy(language)
        assert finding.text(language).endswith((".", "!"))
        assert len(finding.remedy(language)) > 20
    assert finding.text("fr") != finding.text("en")


def test_every_finding_is_raised_by_a_test_of_this_folder() -> None:
    tests = "".join(
        path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)
    )
    assert [code for code in CODES if code not in tests] == []
