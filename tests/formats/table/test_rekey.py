"""A safe table under other ids: pseudonyms and references are replaced, every other cell stays."""

from pathlib import Path

import pytest

from collecte.challenge import TableRules
from collecte.errors import NeedsPerson
from collecte.formats import Rekeyer, table
from collecte.pseudonym import ReleaseIds

RULES = TableRules.model_validate(
    {
        "columns": [
            {"names": ["ipp"], "action": "pseudonym"},
            {"names": ["image"], "action": "reference", "refers_to": "file"},
            {"names": ["examen"], "action": "reference", "refers_to": "accession"},
            {"names": ["serie"], "action": "reference", "refers_to": "uid"},
            {"names": ["note"], "action": "keep"},
        ]
    }
)
IDS = ReleaseIds(b"s" * 32)


def rekeyed(tmp_path: Path, text: str) -> str:
    (tmp_path / "safe.csv").write_text(text, "utf-8")
    names = {"sub-a/x.dcm": "case-a/y.dcm"}
    safe = table.rekey(
        tmp_path / "safe.csv", tmp_path / "out.csv", Rekeyer(IDS.case, IDS.uid, IDS.reference, names.get), RULES
    )
    assert safe.size == (tmp_path / "out.csv").stat().st_size
    return (tmp_path / "out.csv").read_text("utf-8")


def test_pseudonyms_and_references_are_replaced_and_all_else_stays(tmp_path: Path) -> None:
    text = rekeyed(tmp_path, 'subject,image,examen,serie,note\nsub-a,sub-a/x.dcm,ABC,2.25.7,"sub-a, été"\n')
    assert text == (
        "subject,image,examen,serie,note\n"
        f'{IDS.case("sub-a")},case-a/y.dcm,{IDS.reference("ABC")},{IDS.uid("2.25.7")},"sub-a, été"\n'
    )


def test_what_names_a_file_outside_the_set_becomes_empty(tmp_path: Path) -> None:
    assert rekeyed(tmp_path, "subject,image\nsub-a,sub-b/other.dcm\n").splitlines()[1] == f"{IDS.case('sub-a')},"


@pytest.mark.parametrize("text", ["", 'subject,note\n"sub-a,1\n', "subject,note\nsub-a\n"])
def test_a_damaged_table_leaves_nothing_and_says_what_to_do(tmp_path: Path, text: str) -> None:
    with pytest.raises(NeedsPerson, match="backup"):
        rekeyed(tmp_path, text)
    assert not (tmp_path / "out.csv").exists()
