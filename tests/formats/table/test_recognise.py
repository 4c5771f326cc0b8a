"""A table is claimed; text that only looks a little like one is not."""

import pytest

from collecte.formats.table import recognise

TABLE = b"ipp;diagnostic;age\nA1;K50;45\nA2;K51;46\n"

README = b"""Lot de mars, premier envoi

Bonjour, voici les images, avec les comptes rendus.
Merci de nous dire, avant lundi, si tout va bien.
"""
LOG = b"""2024-01-01 10:00:00,123;INFO;started
2024-01-01 10:00:01,456;INFO;copied
2024-01-01 10:00:02,789;WARN;slow
"""
LEVELS = b"INFO|copy|started\nWARN|copy|slow\nINFO|copy|done\n"
SUMS = b"""9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  IM1, copie.dcm
60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752  IM2, copie.dcm
fd61a03af4f77d870fc21e05e7e80678095c92d808cfb3b5c279ee04c74aca13  IM3, copie.dcm
"""
JSON = b'{"a": 1,\n "b": 2,\n "c": 3,\n "d": 4}\n'
XML = b'<?xml version="1.0"?>\n<a b="1,2"/>\n<c d="1,2"/>\n'
VERSE = b"Roses, are red\nViolets, are blue\nSugar, is sweet\n"


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt", "", ".dat"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_table_is_mine_under_any_name_and_encoding(suffix: str, encoding: str) -> None:
    assert recognise(TABLE.decode().replace("age", "âge").encode(encoding), suffix)


@pytest.mark.parametrize("head", [README, LOG, LEVELS, SUMS, JSON, XML, VERSE, b"", b"\n\n", b"# Titre\n\n| a | b |\n"])
@pytest.mark.parametrize("suffix", [".txt", "", ".log", ".md"])
def test_other_text_is_not_mine(head: bytes, suffix: str) -> None:
    assert not recognise(head, suffix)


@pytest.mark.parametrize(
    "head",
    [JSON, XML, b"PK\x03\x04" + TABLE, b"\0" * 128 + b"DICM", b"%PDF-1.7\n", TABLE + b"\0", b"\xff\xd8\xff\xe0\x10"],
)
def test_what_is_no_table_is_not_mine_though_it_is_called_csv(head: bytes) -> None:
    assert not recognise(head, ".csv")


@pytest.mark.parametrize("head", [b"", b"ipp\nA1\n", b"Export du jour\n\nipp;age\nA1;4\n", b"ipp;age\nA1\n"])
def test_a_broken_table_called_csv_is_mine_so_that_a_finding_says_what_is_wrong(head: bytes) -> None:
    assert recognise(head, ".csv")


def test_a_row_cut_at_the_end_of_the_first_bytes_is_not_held_against_the_table() -> None:
    rows = "ipp;diagnostic;remarque\n" + "A1;K50;évolué\n" * 400
    assert recognise(rows.encode()[:4096], "")
    assert recognise((rows.encode())[:4095] + "é".encode()[:1], "")
