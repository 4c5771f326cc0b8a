"""Each finding of the room is raised, in both languages, with its remedy and without the value."""

from pathlib import Path

import pytest

from collecte.findings import registry
from collecte.records import Identifier, IdentifierKind
from collecte.residual import compile_scanner
from tests.residual.builders import SUBJECT

CASES = {
    "RESIDUAL-NAME": (IdentifierKind.NAME, "QUEFFÉLEC^Anaïs", "vu Mme Queffelec"),
    "RESIDUAL-ID": (IdentifierKind.ID, "84512907", "dossier 84512907"),
    "RESIDUAL-BIRTH-DATE": (IdentifierKind.BIRTH_DATE, "19560412", f"{SUBJECT};12 avril 1956"),
    "RESIDUAL-ADDRESS": (IdentifierKind.ADDRESS, "3 impasse Kerguelen, 29000 Quimper", "impasse kerguelen"),
    "RESIDUAL-PHONE": (IdentifierKind.PHONE, "0298101112", "02 98 10 11 12"),
    "RESIDUAL-EMAIL": (IdentifierKind.EMAIL, "q.anais@orange.fr", "Q.ANAIS@orange.fr"),
    "RESIDUAL-NIR": (IdentifierKind.NIR, "2560429232001", "2 56 04 29 232 001"),
    "RESIDUAL-PATH": (IdentifierKind.PATH, "QUEFFELEC2", "queffelec2.dcm"),
}


def test_every_code_of_the_room_has_a_case() -> None:
    declared = {code for code in registry() if code.startswith("RESIDUAL-")}
    assert {code for code in declared if not code.startswith("RESIDUAL-PIXEL-")} == {*CASES, "RESIDUAL-UNREADABLE"}


@pytest.mark.parametrize("code", CASES)
def test_a_finding_says_where_in_both_languages_and_never_what(tmp_path: Path, code: str) -> None:
    kind, value, text = CASES[code]
    path = tmp_path / "t.csv"
    path.write_text(f"id;note\n{text}\n", "utf-8")
    (finding,) = compile_scanner([Identifier(kind, value, SUBJECT)]).scan(path, [SUBJECT, "sub-2"])
    assert (finding.code, finding.place, finding.refuses) == (code, "row 2", True)
    for language in ("fr", "en"):
        said = finding.text(language) + finding.remedy(language) + repr(finding)
        assert "row 2" in finding.text(language)
        assert finding.remedy(language).endswith(".")
        assert not any(part in said.lower() for part in ("queff", "845129", "1956", "kerg", "0298", "98 10", "orange"))


def test_a_file_that_cannot_be_followed_says_so_in_both_languages(tmp_path: Path) -> None:
    path = tmp_path / "t.dcm"
    path.write_bytes(b"not DICOM")
    (finding,) = compile_scanner([]).scan(path, ())
    assert finding.code == "RESIDUAL-UNREADABLE"
    assert finding.refuses
    assert "PACS" in finding.remedy("fr")
    assert "PACS" in finding.remedy("en")


def test_no_repr_shows_an_identifier() -> None:
    scanner = compile_scanner([Identifier(IdentifierKind.NAME, "QUEFFÉLEC^Anaïs")])
    assert "queff" not in repr(scanner).lower()
