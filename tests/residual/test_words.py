"""The words of a delivery on disk: they are all looked for, by whoever opens them, and in memory that does not grow."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest

from collecte.records import Identifier, IdentifierKind
from collecte.residual import compile_scanner, key_of


def names(count: int) -> Iterator[Identifier]:
    """So many names, all different: of letters that no dictionary knows."""
    for number in range(count):
        letters = "".join("bdfghjkmpqtvwxz"[number // 15**place % 15] for place in range(5))
        yield Identifier(IdentifierKind.NAME, f"Zqx{letters}")


def found(folder: Path, path: Path) -> list[str]:
    return [finding.place for finding in compile_scanner((), folder).scan(path, ())]


def test_the_first_and_the_last_of_many_databases_are_looked_for(tmp_path: Path) -> None:
    many = list(names(25_000))
    compile_scanner(iter(many), tmp_path / "words")
    path = tmp_path / "x.csv"
    path.write_text("".join(f"{one.value},x\n" for one in (many[0], many[21_000], many[-1])) + "Zqxnobody,x\n")
    assert found(tmp_path / "words", path) == ["row 1", "row 2", "row 3"]


def test_another_process_opens_what_one_has_compiled(tmp_path: Path) -> None:
    compile_scanner(names(10), tmp_path / "words")
    path = tmp_path / "x.csv"
    path.write_text(f"{next(names(1)).value},x\n")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(found, (tmp_path / "words", path)) == ["row 1"]


def test_a_compilation_that_breaks_off_leaves_no_words(tmp_path: Path) -> None:
    def broken() -> Iterator[Identifier]:
        yield from names(10)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        compile_scanner(broken(), tmp_path / "words")
    assert not list((tmp_path / "words").iterdir())


def test_other_identifiers_have_another_key() -> None:
    assert key_of("a") != key_of("b")
    assert key_of("a") == key_of("a")
