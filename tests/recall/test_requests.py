"""What hospitals put into ``recall/``: read leniently, answered by line, never repeated."""

import pytest

from collecte.recall import MAX_BYTES, Line, answer_csv, parse_requests

IPP = "8002615374"


@pytest.mark.parametrize(
    "content",
    [
        f"ipp;demande\n{IPP};opposition\n",
        f"ipp;demande\r\n{IPP};Opposition\r\n",
        f"\ufeffIPP;Demande\n{IPP};OPPOSITION\n",
        f"sep=;\nIdentifiant patient;Type\n{IPP};opposé\n",
        f"demande,nip\nrefus,{IPP}\n",
        f"patient\trequest\n{IPP}\toptout\n",
        f"# liste du 3 mars\n{IPP};opposition\n",
        f'"ipp";"demande"\n"{IPP}";"opposition"',
    ],
)
def test_a_list_is_read_however_a_hospital_writes_it(content: str) -> None:
    for encoding in ("utf-8", "utf-16", "latin-1"):
        if encoding == "latin-1" and content.startswith("\ufeff"):
            continue
        asked, unreadable = parse_requests(content.encode(encoding))
        assert not unreadable
        assert [(one.patient.identifier, one.request) for one in asked] == [(IPP, "opposition")]


def test_opposition_and_erasure_are_two_requests() -> None:
    asked, _ = parse_requests(b"ipp;demande;emetteur\n1;effacement;AUTRE-HOPITAL\n2;opposition;\n")
    assert [(one.request, one.patient.issuer) for one in asked] == [("erasure", "AUTRE-HOPITAL"), ("opposition", None)]


def test_a_line_that_cannot_be_read_is_answered_with_its_number_and_never_repeated() -> None:
    asked, unreadable = parse_requests(f"ipp;demande\n{IPP};peut-être\n;opposition\n7;effacement\n".encode())
    assert [one.line for one in asked] == [4]
    assert [(line.line, line.finding.code) for line in unreadable] == [
        (2, "RECALL-LINE-UNREADABLE"),
        (3, "RECALL-LINE-UNREADABLE"),
    ]
    assert IPP not in answer_csv(unreadable, "fr")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00", b"PK\x03\x04\0\0", b"1;opposition\n" * MAX_BYTES])
def test_what_is_no_list_is_said_to_be_none(content: bytes) -> None:
    asked, unreadable = parse_requests(content)
    assert asked == []
    assert [line.finding.code for line in unreadable] == ["RECALL-FILE-UNREADABLE"]


def test_the_answer_is_read_by_a_french_spreadsheet() -> None:
    _, unreadable = parse_requests(b"ipp;demande\n1;quoi\n")
    answer = answer_csv([Line(1, unreadable[0].finding)], "fr")
    assert answer.startswith("\ufeffligne;rappel;")
    assert answer.endswith("\r\n")


def test_nothing_of_a_request_is_shown_by_its_repr() -> None:
    asked, _ = parse_requests(f"{IPP};opposition\n".encode())
    assert IPP not in repr(asked)
