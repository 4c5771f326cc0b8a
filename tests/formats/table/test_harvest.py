"""What identifies in a table is gathered whole, under its kind, with its patient."""

from collections.abc import Callable

import pytest

from collecte.formats.table._columns import announced
from collecte.formats.table._text import direct_identifiers
from collecte.pseudonym import Pseudonymiser
from collecte.records import Identifier, IdentifierKind, PatientRef
from tests.formats.dicom.fuzzing import bounded
from tests.formats.table.conftest import KEYS, Judged

Judge = Callable[..., Judged]
PSEUDONYMS = Pseudonymiser(KEYS, "nord", "NORD")
ONE, TWO = (PSEUDONYMS.subject(PatientRef(identifier)) for identifier in ("A100001", "A100002"))


def gathered(judged: Judged) -> set[tuple[str, str, str | None]]:
    return {(identifier.kind.value, identifier.value, identifier.subject) for identifier in judged.harvest.identifiers}


def test_dropped_and_unlisted_columns_give_identifiers_of_their_kind(judge: Judge) -> None:
    judged = judge(
        "ipp;nom;Prénom(s);Date de naissance;tél.;E-mail;Adresse postale;N° Sécu;poids\n"
        "A100001;DUPONT;Jean-Élie;12/04/1956;06 12 34 56 78;j@exemple.fr;3 rue des Lilas;256047511600109;70\n"
    )
    assert gathered(judged) == {
        ("id", "A100001", ONE),
        ("name", "DUPONT", ONE),
        ("name", "Jean-Élie", ONE),
        ("birth_date", "19560412", ONE),
        ("phone", "06 12 34 56 78", ONE),
        ("email", "j@exemple.fr", ONE),
        ("address", "3 rue des Lilas", ONE),
        ("nir", "256047511600109", ONE),
    }


def test_subjects_are_those_of_all_rows_that_can_be_sent(judge: Judge) -> None:
    judged = judge("ipp;nom;poids\nA100002;BERNARD;\nA100001;ARNAUD;\nANON;DURAND;\nA100002;BERNARD;\n;MARTIN;\n")
    assert judged.harvest.subjects == tuple(sorted((ONE, TWO)))
    assert {("name", "DURAND", None), ("name", "MARTIN", None)} <= gathered(judged)


def test_the_name_is_a_digest_of_the_path_and_says_nothing(judge: Judge) -> None:
    harvest = judge("ipp;poids\nA100001;70\n").harvest
    digest = KEYS.digest("output name", "Envoi DUPONT/source.csv")[:16]
    assert (harvest.name, harvest.object_key) == (f"tables/{digest}.csv", "Envoi DUPONT/source.csv")
    assert harvest.logical_id is None
    assert "DUPONT" not in repr(harvest)


def test_columns_kept_by_rule_are_no_identifiers_but_a_shifted_birth_date_is(judge: Judge) -> None:
    columns = [
        {"names": ["ipp"], "action": "pseudonym"},
        {"names": ["nom_du_protocole"], "action": "keep"},
        {"names": ["date de naissance"], "action": "date"},
        {"names": ["accession"], "action": "reference", "refers_to": "accession"},
    ]
    judged = judge("ipp;nom du protocole;date de naissance;accession\nA100001;BETA;1956-04-12;ACC42\n", columns=columns)
    assert gathered(judged) == {("id", "A100001", ONE), ("birth_date", "19560412", ONE), ("id", "ACC42", ONE)}


@pytest.mark.parametrize("value", ["", "NA", "-", "0", "inconnu", "ANON"])
def test_a_filler_is_no_name_and_no_number(judge: Judge, value: str) -> None:
    judged = judge(f"ipp;nom;dossier;poids\nA100001;{value};{value};70\n")
    assert gathered(judged) == {("id", "A100001", ONE)}


def test_what_is_none_of_its_column_s_kind_is_left_out(judge: Judge) -> None:
    judged = judge("ipp;tel;email;naissance;nom;poids\nA100001;voir dossier;aucune;1956;12;70\n")
    assert gathered(judged) == {("id", "A100001", ONE)}


def test_a_number_in_free_text_or_under_a_neutral_header_is_gathered_too(judge: Judge) -> None:
    judged = judge("ipp;commentaire;code\nA100001;appeler le 0612345678;a.b@exemple.fr\n")
    assert {("phone", "0612345678", ONE), ("email", "a.b@exemple.fr", ONE)} <= gathered(judged)


def test_an_identifier_shows_nothing_of_itself() -> None:
    assert "DUPONT" not in repr(Identifier(IdentifierKind.NAME, "DUPONT"))


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("NOM", "name"), ("Prénom", "name"), ("nom_de_naissance", "name"), ("PatientName", "name"),
        ("Nom usuel 2", "name"), ("last name", "name"),
        ("DDN", "birth_date"), ("Né(e) le", "birth_date"), ("dateNaissance", "birth_date"),
        ("date_of_birth", "birth_date"), ("N° sécurité sociale", "nir"), ("NIR", "nir"), ("adresse mail", "email"),
        ("E-mail", "email"), ("Tél. portable", "phone"), ("adresse", "address"), ("IPP", "id"), ("N° dossier", "id"),
        ("patient_id", "id"), ("nom du fichier", None), ("Nom du médicament", None), ("diagnostic", None), ("id", None),
        ("", None), ("phénomène", None), ("hôtel", None), ("economie", None), ("Noms", "name"), ("machine name", None),
    ],
)  # fmt: skip
def test_a_header_announces_what_its_column_holds(header: str, kind: str | None) -> None:
    found = announced(header)
    assert (found.value if found else None) == kind


def test_an_address_is_found_behind_a_very_long_word() -> None:
    """Each sign of it is read once, not once from each of them, which would take hours."""
    with bounded(10):
        found = direct_identifiers(
            "a" * 1_000_000 + "@@ " + "1" * 1_000_000 + " écrire à a.lescaut@chu.example", strict=True
        )
    assert (IdentifierKind.EMAIL, "a.lescaut@chu.example") in found
