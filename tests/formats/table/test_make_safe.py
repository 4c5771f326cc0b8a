"""A table leaves with the columns that rules name, and with nothing that identifies in them."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from collecte.challenge.kinds import DicomRules
from collecte.errors import NeedsPerson
from collecte.formats import Format, table
from collecte.pseudonym import Pseudonymiser
from collecte.records import PatientRef
from tests.formats.table.conftest import COLUMNS, KEYS, Judged, context

Judge = Callable[..., Judged]
PSEUDONYMS = Pseudonymiser(KEYS, "nord", "NORD")
SUBJECT = PSEUDONYMS.subject(PatientRef("A100001"))
VALID_NIR = "156047511600109"  # made up; the key is 97 - 1560475116001 mod 97


def of(judged: Judged, column: str, row: int = 1) -> str:
    return judged.rows[row][judged.rows[0].index(column)]


def test_the_kind_answers_the_four_questions() -> None:
    kind: Format = table
    assert kind.KIND == "table"


def test_columns_leave_in_the_order_and_under_the_names_of_the_rules(judge: Judge) -> None:
    judged = judge("Poids;SEXE;Patient-ID;Diagnostic\n70,5;F;A100001;K50\n")
    assert judged.rows == [["subject", "diagnosis", "sex", "weight_kg"], [SUBJECT, "K50", "F", '"70', '5"']]
    assert judged.safe.findings == ()


def test_the_hash_and_size_are_those_of_the_file_and_no_part_remains(judge: Judge) -> None:
    judged = judge("ipp,diagnostic\nA100001,K50\n")
    raw = judged.target.read_bytes()
    assert (judged.safe.sha256, judged.safe.size) == (hashlib.sha256(raw).hexdigest(), len(raw))
    assert [path.name for path in judged.target.parent.iterdir()] == ["safe.csv"]


def test_a_column_that_no_rule_names_is_dropped_and_told_by_its_place_only(judge: Judge) -> None:
    judged = judge("ipp,diagnostic,Nom de jeune fille DUPONT\nA100001,K50,MARTIN\n")
    assert judged.rows[0] == ["subject", "diagnosis"]
    assert judged.found == {"TABLE-COLUMN-NOT-LISTED": ("column 3", 1)}
    assert "DUPONT" not in judged.text + repr(judged.safe)


def test_an_empty_column_that_a_trailing_separator_makes_is_not_worth_a_finding(judge: Judge) -> None:
    assert judge("ipp;diagnostic;\nA100001;K50;\n").found == {}
    assert judge("ipp;diagnostic;\nA100001;K50;x\n").found == {"TABLE-COLUMN-NOT-LISTED": ("column 3", 1)}


def test_rows_without_a_patient_are_not_sent_and_told_by_number(judge: Judge) -> None:
    judged = judge("ipp,diagnostic\nA100001,K50\n,K51\nANON,K52\n0,K53\nA100002,K54\n")
    assert [row[1] for row in judged.rows] == ["diagnosis", "K50", "K54"]
    assert judged.found == {"TABLE-ROW-WITHOUT-SUBJECT": ("rows 3–5", 3)}
    assert judged.safe.actions["rows"] == 2


def test_a_table_of_placeholders_alone_is_refused(judge: Judge) -> None:
    judged = judge("ipp,diagnostic\nANON,K50\n")
    assert "TABLE-NO-ROW-KEPT" in judged.found
    assert [finding.code for finding in judged.harvest.findings] == ["TABLE-NO-ROW-KEPT"]
    assert judged.safe.sha256 == ""
    assert not judged.target.exists()


def test_a_shorter_or_longer_row_is_not_sent_as_its_values_may_stand_under_wrong_names(judge: Judge) -> None:
    judged = judge("ipp;diagnostic;poids\nA100001;K50\nA100001;K50;70;DUPONT\nA100001;K51;71\nA100001;K52;72;;\n")
    assert [row[1] for row in judged.rows[1:]] == ["K51", "K52"]
    assert judged.found == {"TABLE-RAGGED-ROW": ("rows 2–3", 2)}


def test_a_table_without_a_patient_column_leaves_without_its_dates(judge: Judge) -> None:
    judged = judge("diagnostic,date_d_examen,poids\nK50,2020-03-12,70\n")
    assert judged.rows == [["diagnosis", "weight_kg"], ["K50", "70"]]
    assert judged.found == {"TABLE-NO-SUBJECT-COLUMN": ("", 1)}
    assert judged.harvest.subjects == ()


def test_a_file_name_becomes_the_image_s_with_and_without_its_folder(judge: Judge) -> None:
    references = {"lot/IM1.dcm": "sub/1.dcm", "IM2.dcm": "sub/2.dcm"}
    source = "ipp,fichier\nA100001,lot/IM1.dcm\nA100001,D:\\export\\IM2.dcm\nA100001,IM3.dcm\n"
    judged = judge(source, references=references)
    assert [row[1] for row in judged.rows[1:]] == ["sub/1.dcm", "sub/2.dcm", ""]
    assert judged.found == {"TABLE-REFERENCE-UNRESOLVED": ("column 2, row 4", 1)}


def test_uids_and_accession_numbers_become_those_of_the_images(judge: Judge) -> None:
    judged = judge("ipp,series_uid,accession\nA100001,1.2.826.0.1.99,ACC 42\nA100001,DUPONT,\n")
    assert judged.rows[1][1:] == [PSEUDONYMS.uid("1.2.826.0.1.99"), PSEUDONYMS.reference("accession", "ACC42")]
    assert judged.rows[2][1:] == ["", ""]
    assert judged.found == {"TABLE-REFERENCE-UNRESOLVED": ("column 2, row 3", 1)}


def test_a_uid_stays_where_the_images_keep_theirs(tmp_path: Path) -> None:
    given = context()
    kinds = given.challenge.kinds.model_copy(update={"dicom": DicomRules(options=("retain_uids",))})
    given = replace(given, challenge=given.challenge.model_copy(update={"kinds": kinds}))
    source, target = tmp_path / "source.csv", tmp_path / "safe.csv"
    source.write_text("ipp,series_uid\nA100001,1.2.826.0.1.99\nA100001,DUPONT\n", "utf-8")
    table.make_safe(source, target, table.harvest(source, "source.csv", given).name, given)
    assert target.read_text("utf-8").splitlines()[1:] == [f"{SUBJECT},1.2.826.0.1.99", f"{SUBJECT},"]


def test_only_the_listed_values_pass_in_the_rule_s_own_writing(judge: Judge) -> None:
    judged = judge("ipp,sexe\nA100001,M\nA100001,inconnu\nA100001,DUPONT\nA100001,\n")
    assert [row[1] for row in judged.rows[1:]] == ["M", "Inconnu", "", ""]
    assert judged.found == {"TABLE-VALUE-NOT-ALLOWED": ("column 2, row 4", 1)}


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("45", "45"), ("045Y", "45"), ("45 ans", "45"), ("45,5", "45.5"), ("45.0", "45"), ("89", "89"), ("0", "0"),
        ("90", "90+"), ("103", "90+"), ("89,5", "90+"), (">89", "90+"), ("90+", "90+"), ("≥ 90", "90+"),
        ("131", ""), ("12/03/1956", ""), ("DUPONT", ""), ("6 mois", ""), ("45+", ""), ("-3", ""), ("999", ""),
    ],
)  # fmt: skip
def test_an_age_is_capped_and_anything_else_is_emptied(judge: Judge, written: str, sent: str) -> None:
    judged = judge(f'ipp;age\nA100001;"{written}"\n')
    assert of(judged, "age") == sent
    assert ("TABLE-AGE-UNREADABLE" in judged.found) == (not sent)


def test_dates_move_with_their_subject_as_in_every_kind(judge: Judge) -> None:
    judged = judge("ipp;date d’examen\nA100001;12/03/2020\nA100001;2020-03-13\nA100002;12/03/2020\nA100001;12/03/20\n")
    first, second, other, unread = (row[1] for row in judged.rows[1:])
    assert date.fromisoformat(first) == date(2020, 3, 12) + PSEUDONYMS.shift(SUBJECT)
    assert (date.fromisoformat(second) - date.fromisoformat(first)).days == 1
    assert other != first
    assert unread == ""
    assert judged.found == {"TABLE-DATE-UNREADABLE": ("column 2, row 5", 1)}


@pytest.mark.parametrize("day", ["01/01/1900", "31/12/1969", "01/01/1970", "1970-01-01 00:00", "01/01/1980"])
def test_a_date_that_programs_write_where_they_have_none_does_not_tell_how_far_the_others_moved(
    judge: Judge, day: str
) -> None:
    judged = judge(f"ipp;date d’examen\nA100001;12/03/2020\nA100001;{day}\n")
    assert [bool(row[1]) for row in judged.rows[1:]] == [True, False]
    assert judged.found == {"TABLE-DATE-UNREADABLE": ("column 2, row 3", 1)}


@pytest.mark.parametrize(
    "text",
    [
        "appeler le 06 12 34 56 78", "tel.0612345678", "+33 6 12 34 56 78", "00336 12345678", "01.23.45.67.89",
        "écrire à jean.dupont@exemple.fr", f"NIR {VALID_NIR}", "1 56 04 75 116 001 09", "1-56-04-75-116-001-09",
        "1560475116001", "N° sécu 1 56 04 2A 116 001 66", "1\u00a056\u00a004\u00a075\u00a0116\u00a0001\u00a009",
        "1\u200b56047511600109", "１５６０４７５１１６００１０９",
    ],
)  # fmt: skip
def test_a_direct_identifier_in_free_text_refuses_the_whole_table(judge: Judge, text: str) -> None:
    judged = judge(f'ipp;commentaire\nA100001;"{text}"\nA100002;stable\n')
    assert judged.found == {"TABLE-IDENTIFIER-IN-TEXT": ("column 2, row 2", 1)}
    assert judged.safe.sha256 == ""
    assert list(judged.target.parent.iterdir()) == []


def test_a_direct_identifier_refuses_in_kept_columns_too(judge: Judge) -> None:
    judged = judge(f"ipp;diagnostic\nA100001;{VALID_NIR}\n")
    assert judged.found == {"TABLE-IDENTIFIER-IN-TEXT": ("column 2, row 2", 1)}


def test_in_a_coded_delivery_it_is_an_incident(judge: Judge) -> None:
    judged = judge(f"ipp;commentaire\nA100001;{VALID_NIR}\n", received_as="coded")
    assert [finding.severity for finding in judged.safe.findings] == ["incident"]
    assert judged.found == {"TABLE-IDENTIFIER-IN-CODED-TEXT": ("column 2, row 2", 1)}


@pytest.mark.parametrize(
    "source",
    ["ipp;nom\nA100001;DUPONT\n", f"ipp;code interne\nA100001;{VALID_NIR}\n", "ipp;courriel\nA100001;a.b@exemple.fr\n"],
)
def test_in_a_coded_delivery_a_column_of_names_is_an_incident_though_it_would_not_be_sent(
    judge: Judge, source: str
) -> None:
    assert judge(source).safe.sha256
    judged = judge(source, received_as="coded")
    assert judged.found["TABLE-IDENTIFIER-IN-CODED"] == ("column 2, row 2", 1)
    assert not judged.target.exists()


@pytest.mark.parametrize(
    "text",
    [
        "vu avec DUPONT", "mme dupônt va bien", "née Durand-Petit", "dossier A100001", "dossier A 100 001",
        "cf 200 002 X", "Dr Leroy prévenu", "Monsieur Legrand", "Mlle Martin", "revu le 12/03/2020", "revu le 12/03",
        "scanner du 3 mars 2019", "IRM 20190312", "depuis mars 2019", "on March 3, 2019", "12.03.19", "xDUPONTx",
        "Jean-Élie sort", "D U P O N T", "habite Verdurettes",
    ],
)  # fmt: skip
def test_a_text_that_names_a_person_of_the_table_or_a_date_is_emptied_and_the_table_goes_on(
    judge: Judge, text: str
) -> None:
    judged = judge(
        "ipp;nom;prénom;adresse;commentaire\n"
        f'A100001;DUPONT;Jean-Élie;12 rue des Verdurettes;"{text}"\n'
        "200002X;DURAND PETIT;Zoé;;stable\n"
    )
    assert [row[1] for row in judged.rows] == ["comment", "", "stable"]
    assert judged.found == {"TABLE-TEXT-NOT-KEPT": ("column 5, row 2", 1)}


@pytest.mark.parametrize(
    "text",
    [
        "nodule de 12 mm du lobe supérieur droit", "EVA 3/10, PSA 4,5 ng/ml", "stable depuis 2019", "grade 2 (3+4)",
        "T2N0M0", "120/80 mmHg", "pas de récidive à 6 mois", "ratio 1.25", "PR positif 90 %", "",
    ],
)  # fmt: skip
def test_an_ordinary_text_is_kept(judge: Judge, text: str) -> None:
    judged = judge(f'ipp;nom;commentaire\nA100001;DUPONT;"{text}"\n')
    assert judged.found == {}
    assert judged.text.splitlines()[1].partition(",")[2].strip('"') == text


def test_a_formula_in_a_text_cannot_run_in_a_spreadsheet_and_numbers_stay(judge: Judge) -> None:
    judged = judge("ipp;commentaire;poids\nA100001;=cmd()|x;-3\nA100001;-2 kg;+4\nA100001;@x;=1+1\nA100001;+1;70\n")
    assert [row[1] for row in judged.rows[1:]] == ["-3", "+4", "'=1+1", "70"]
    assert [row[2] for row in judged.rows[1:]] == ["'=cmd()|x", "'-2 kg", "'@x", "'+1"]
    told = [(finding.code, finding.place, finding.count) for finding in judged.safe.findings]
    assert told == [("TABLE-FORMULA", "column 2, rows 2–5", 4), ("TABLE-FORMULA", "column 3, row 4", 1)]


def test_a_line_break_in_a_text_is_a_line_feed_and_stays_in_its_cell(judge: Judge) -> None:
    judged = judge('ipp;commentaire\r\nA100001;"un\r\ndeux"\r\nA100002;trois\r\n')
    assert judged.target.read_bytes().count(b"\r") == 0
    assert '"un\ndeux"' in judged.text


def test_a_row_of_the_pseudonym_column_is_the_same_subject_however_it_is_written(judge: Judge) -> None:
    judged = judge('ipp,poids\na100001,70\n" A100001 ",71\n"=""A100001""",72\n')
    assert {row[0] for row in judged.rows[1:]} == {SUBJECT}


def test_the_same_table_gives_the_same_bytes_whatever_its_encoding_separator_and_line_ends(judge: Judge) -> None:
    lines = [["ipp", "diagnostic", "commentaire"], ["A100001", "Crohn’s", "évolué €"], ["A100002", "K50", "a,b; c"]]
    outputs = set()
    for separator in ",;\t|":
        for encoding in ("utf-8", "utf-8-sig", "cp1252", "utf-16"):
            for end in ("\n", "\r\n", "\r"):
                text = end.join(separator.join(f'"{cell}"' for cell in line) for line in lines)
                judged = judge(text.encode(encoding))
                assert judged.found == {}, (separator, encoding, end)
                outputs.add(judged.safe.sha256)
    assert len(outputs) == 1


def test_two_columns_that_a_rule_cannot_tell_apart_refuse_the_table(judge: Judge) -> None:
    for header in ("ipp,Diagnostic,diagnosis", "ipp,diagnostic,diagnostic"):
        judged = judge(f"{header}\nA100001,K50,K51\n")
        assert judged.found == {"TABLE-COLUMN-TWICE": ("columns 2, 3", 2)}


def test_rules_that_would_give_two_columns_one_name_stop_for_a_person(judge: Judge) -> None:
    columns = [{"names": ["ipp"], "action": "pseudonym"}, {"names": ["Subject"], "action": "keep"}]
    with pytest.raises(NeedsPerson, match=r"kinds\.table\.columns"):
        judge("ipp,subject\nA100001,DUPONT\n", columns=columns)


def test_a_refused_second_try_removes_what_the_first_had_written(judge: Judge) -> None:
    judged = judge("ipp,commentaire\nA100001,stable\n")
    assert judged.target.exists()
    assert not judge("ipp,commentaire\nA100001,a.b@exemple.fr\n").target.exists()


def test_every_action_of_the_rules_was_tried() -> None:
    assert {rule["action"] for rule in COLUMNS} == {
        "pseudonym", "reference", "label", "keep", "date", "age", "text", "drop",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["xNguyen", "Nguyễns", "(B200002)", "xB200002x", "nguyen", "B 200 002"])
def test_a_text_that_names_the_patient_of_another_row_is_emptied_too(judge: Judge, text: str) -> None:
    judged = judge(f'ipp;nom;commentaire\nA100001;DUPONT;"{text}"\nB200002;Nguyễn;stable\n')
    assert judged.found == {"TABLE-TEXT-NOT-KEPT": ("column 3, row 2", 1)}
    assert [row[1] for row in judged.rows] == ["comment", "", "stable"]


@pytest.mark.parametrize("text", ["vu par le Dr Machin", "opérée le 12/03/2021", "2021-03-05", "mars 2021"])
def test_a_kept_cell_that_names_somebody_or_a_day_is_emptied(judge: Judge, text: str) -> None:
    judged = judge(f"ipp;poids\nA100001;{text}\nB200002;70\n")
    assert judged.found == {"TABLE-TEXT-NOT-KEPT": ("column 2, row 2", 1)}
    assert [row[1] for row in judged.rows] == ["weight_kg", "", "70"]


@pytest.mark.parametrize("text", ["70.5", "120/80", "pT1c N0 M0", "20210305", "grade 2-3", "DR thorax", "1.5.2"])
def test_a_kept_cell_that_measures_or_classifies_stays(judge: Judge, text: str) -> None:
    judged = judge(f"ipp;poids\nA100001;{text}\n")
    assert judged.found == {}
    assert judged.rows[1][1] == text
