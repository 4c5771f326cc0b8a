"""Planted anywhere, found nowhere; and what may leave arrives as it was."""

import csv
import io
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from collecte.formats import table
from collecte.formats.table._columns import plain
from tests.formats.table.conftest import context

NAMES = st.sampled_from(["LEFÈVRE", "Dupont-Durand", "D'ALEMBERT", "Nguyễn", "Le Goff", "MARTIN", "Éloïse", "ÖZTÜRK"])
IDENTIFIERS = st.from_regex(r"\A[A-Z]{2}[0-9]{6}\Z")
PHONES = st.sampled_from(["06 12 34 56 78", "0612345678", "+33 1 23 45 67 89"])
EMAILS = st.sampled_from(["prenom.nom@hopital.example.fr", "x@y.fr"])


@st.composite
def nirs(draw: st.DrawFn) -> str:
    """A social security number with its key, made up."""
    parts = (
        draw(st.sampled_from("12")), f"{draw(st.integers(0, 99)):02d}", f"{draw(st.integers(1, 12)):02d}",
        f"{draw(st.integers(1, 95)):02d}", f"{draw(st.integers(1, 999)):03d}", f"{draw(st.integers(1, 999)):03d}",
    )  # fmt: skip
    key = 97 - int("".join(parts)) % 97
    return draw(st.sampled_from(["", " ", ".", "-"])).join((*parts, f"{key:02d}"))


ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])
FILLERS = st.sampled_from(["", "vu par ", "cf ", "Voir aussi le dossier de ", "(", "x"])
SAFE_TEXT = st.text("abc é=+-@,;|\"'", max_size=12)


def run(rows: list[list[str]], delimiter: str, encoding: str) -> str | None:
    """The output, or None where the table was refused."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "a.csv"), Path(folder, "b.csv")
        source.write_bytes(text.getvalue().encode(encoding))
        safe = table.make_safe(source, target, "tables/a.csv", context())
        return target.read_text("utf-8") if safe.sha256 else None


@settings(max_examples=150, deadline=None)
@given(
    name=NAMES, first=NAMES, identifier=IDENTIFIERS, other=NAMES, phone=PHONES, nir=nirs(), email=EMAILS,
    filler=FILLERS, planted=st.integers(0, 6), delimiter=st.sampled_from(",;\t|"), encoding=ENCODINGS,
    order=st.permutations(range(6)),
)  # fmt: skip
def test_an_identifier_planted_in_a_table_never_leaves(
    name: str, first: str, identifier: str, other: str, phone: str, nir: str, email: str, filler: str, planted: int,
    delimiter: str, encoding: str, order: list[int],
) -> None:  # fmt: skip
    secrets = [name, first, identifier, other, phone, nir, email]
    comment = filler + secrets[planted] + (")" if filler == "(" else "")
    rows = [
        ["ipp", "nom", "Prénom patient", "tel", "nir", "commentaire"],
        [identifier, name, first, phone, nir, comment],
        ["ZZ999999", other, first, "", "", "stable"],
    ]
    output = run([[row[place] for place in order] for row in rows], delimiter, encoding)
    if output is not None:
        assert not [secret for secret in secrets if plain(secret) in plain(output)]
        assert "stable" in output


@settings(max_examples=100, deadline=None)
@given(
    cells=st.lists(st.tuples(st.sampled_from(["K50", "C18.9", "sain"]), SAFE_TEXT), min_size=1, max_size=5),
    delimiter=st.sampled_from(",;\t|"),
    encoding=ENCODINGS,
)
def test_what_may_leave_arrives_as_it_was(cells: list[tuple[str, str]], delimiter: str, encoding: str) -> None:
    rows = [["commentaire", "diagnostic", "ipp"], *([text, label, "A100001"] for label, text in cells)]
    output = run(rows, delimiter, encoding)
    assert output is not None
    back = list(csv.reader(io.StringIO(output, newline="")))[1:]
    assert [row[1] for row in back] == [label for label, _ in cells]
    for (_, text), row in zip(cells, back, strict=True):
        bare = text.strip()
        assert row[2] in (bare, f"'{bare}")
        assert not row[2].startswith(("=", "+", "-", "@"))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.binary(max_size=60))
def test_any_bytes_give_findings_and_no_exception(raw: bytes, more: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "a.csv"), Path(folder, "b.csv")
        for content in (raw, b"ipp;commentaire\n" + raw, b"\xff\xfe" + raw, b"ipp;age\nA100001;4\n" + more):
            source.write_bytes(content)
            harvest = table.harvest(source, "a.csv", context())
            safe = table.make_safe(source, target, harvest.name, context())
            assert target.exists() == bool(safe.sha256)
            assert bool(safe.sha256) or bool(safe.findings)
            assert not harvest.findings or not safe.sha256
            target.unlink(missing_ok=True)
