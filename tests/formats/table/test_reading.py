"""What cannot be read as a table says why, at which row, in bounded memory."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from collecte.formats.table._reading import CELL_LIMIT, detect_delimiter, open_table
from tests.formats.table.conftest import Judged

Judge = Callable[..., Judged]


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        (b"", "TABLE-EMPTY", ""),
        (b"\xef\xbb\xbf", "TABLE-EMPTY", ""),
        (b"\r\n \r\n;;\r\n", "TABLE-EMPTY", ""),
        (b"ipp;poids\n", "TABLE-NO-ROWS", ""),
        (b"ipp;poids\n;\n\n", "TABLE-NO-ROWS", ""),
        (b"ipp\nA100001\n", "TABLE-NO-HEADER", ""),
        (b"Export de mars\nipp;poids\nA100001;70\n", "TABLE-NO-HEADER", ""),
        (b"ipp;poids\nA100001;7\x000\n", "TABLE-NUL-BYTE", ""),
        ("ipp;poids\nA100001;7\0\n".encode("utf-16"), "TABLE-NUL-BYTE", ""),
        ("ipp;poids\nA100001;70\n".encode("utf-16")[:-1], "TABLE-ENCODING", ""),
        ("ipp;poids\n".encode("utf-16") + b"\x00\xd8A\x00", "TABLE-ENCODING", ""),
        (b'ipp;poids\nA100001;"70\nA100002;71\n', "TABLE-QUOTES", "row 2"),
        (b'ipp;poids\nA100001;"7"0\n', "TABLE-QUOTES", "row 2"),
        (b"ipp;poids\nA100001;" + b"7" * (CELL_LIMIT + 1), "TABLE-CELL-TOO-LONG", "row 2"),
        (b"ipp;poids\nA100001;70\n" + b"7;" * 3_000_000, "TABLE-CELL-TOO-LONG", "row 3"),
        (b"ipp;poids\n" + b'"7\n";' * 5_000_000, "TABLE-CELL-TOO-LONG", "row 2"),
        (b";".join([b"a"] * 5_001) + b"\n", "TABLE-TOO-WIDE", ""),
        (b"a;b\n1;2\n", "TABLE-NO-KNOWN-COLUMN", ""),
        (b"nom;prenom\nDUPONT;Jean\n", "TABLE-NO-KNOWN-COLUMN", ""),
        (b"exam_date;b\n2020-01-01;2\n", "TABLE-NO-KNOWN-COLUMN", ""),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_table_that_cannot_be_sent_says_why(judge: Judge, content: bytes, code: str, place: str) -> None:
    judged = judge(content)
    assert [(finding.code, finding.place) for finding in judged.harvest.findings] == [(code, place)]
    assert judged.found[code][0] == place
    assert judged.safe.sha256 == ""
    assert list(judged.target.parent.iterdir()) == []


def test_a_decimal_comma_a_comment_and_a_first_line_of_excel_do_not_mislead(judge: Judge) -> None:
    assert judge("ipp;commentaire, libre;poids\nA100001;a, b;70,5\n").rows[0] == ["subject", "weight_kg"]
    assert judge("sep=;\r\nipp;poids\r\nA100001;70\r\n-;7\r\n").found["TABLE-ROW-WITHOUT-SUBJECT"] == ("row 4", 1)
    assert judge("ipp,poids\nA100001,70;71;72\n").rows[1][1] == "70;71;72"


@pytest.mark.parametrize(
    ("sample", "delimiter"),
    [
        ("a;b\n1,5;2,5\n", ";"),
        ("a,b\n1;2,3;4\n", ","),
        ("a\tb,c\n1\t2,3\n", "\t"),
        ("a|b|c\n1|2|3\n", "|"),
        ("a\n1\n", "\t"),
    ],
)
def test_the_delimiter_is_found_without_rules(sample: str, delimiter: str) -> None:
    assert detect_delimiter(sample, lambda header: 0, whole=True) == delimiter


def test_bytes_that_are_no_utf_8_are_windows_1252_or_latin_1(judge: Judge) -> None:
    assert judge("ipp;diagnostic\nA100001;œdème\n".encode("cp1252")).rows[1][1] == "œdème"
    assert judge(b"ipp;diagnostic\nA100001;\xe9\x81\n").rows[1][1] == "é\x81"


def test_a_byte_that_is_no_utf_8_far_behind_still_decides_the_encoding(judge: Judge) -> None:
    source = b"ipp;diagnostic\n" + b"A100001;K50\n" * 100_000 + b"A100001;\xe9tude\n"
    assert judge(source).text.splitlines()[-1].endswith(",étude")


def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    source = tmp_path / "big.csv"
    with source.open("w") as file:
        file.write("ipp;poids\n")
        file.writelines("A100001;70\n" for _ in range(100_000))
    tracemalloc.start()
    with open_table(source, lambda header: 0) as table:
        assert sum(1 for _ in table.rows) == 100_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000  # bytes; the rows as lists of text would take more than 10,000,000


def test_an_error_of_the_csv_module_is_cut_off_with_its_text(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text('ipp;nom\nA100001;"DUPONT"Jean\n')
    with pytest.raises(Exception, match="TABLE-QUOTES") as caught, open_table(source, lambda header: 0) as table:
        list(table.rows)
    assert caught.value.__suppress_context__
