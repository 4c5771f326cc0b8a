"""The registry of findings: each code has its words in both languages, its page, and code that raises it."""

import ast
import re
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from collecte.errors import Bug
from collecte.findings import PLACEHOLDER_TYPES, Finding, Rule, Scope, Severity, refused, registry, rule

HOME = Path(__file__).parents[1]
SOURCES = HOME / "include"
RULES = sorted(registry().values(), key=lambda each: each.code)
CODE = re.compile(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)+")
#: One value that fits each type of placeholder.
FITS = {"number": "3", "keyword": "PatientName", "uid": "1.2.840.10008.1.2", "id": "d0001", "date": "2026-09-30"}

every_rule = pytest.mark.parametrize("each", RULES, ids=lambda each: each.code)


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@every_rule
def test_a_rule_is_complete(each: Rule) -> None:
    assert CODE.fullmatch(each.code)
    assert len(each.code) <= 60, "the catalogue's column"
    assert each.severity in get_args(Severity)
    assert each.scope in get_args(Scope)
    for text in (each.origin, each.fr, each.en, each.remedy_fr, each.remedy_en):
        assert text.strip()
    assert each.fr != each.en
    assert each.remedy_fr != each.remedy_en


@every_rule
def test_its_placeholders_are_declared_typed_and_used(each: Rule) -> None:
    assert set(each.placeholders.values()) <= set(PLACEHOLDER_TYPES)
    used = set().union(*map(placeholders, (each.fr, each.en, each.remedy_fr, each.remedy_en)))
    assert used - {"count", "place"} == set(each.placeholders)


@every_rule
def test_it_reads_as_text_in_both_languages(each: Rule) -> None:
    finding = Finding(each.code, "row 12", 2, {name: FITS[kind] for name, kind in each.placeholders.items()})
    for language in ("fr", "en"):
        for text in (finding.text(language), finding.remedy(language)):
            assert not re.search(r"[{}]", text)
            assert text.rstrip().endswith((".", "!", "?", "»", ")")), text


@every_rule
def test_it_has_its_page(each: Rule) -> None:
    page = (HOME / "docs" / "findings.md").read_text("utf-8")
    assert f"\n## {each.code}\n" in page, "run `collecte docs`"
    assert each.fr in page
    assert each.remedy_en in page


# --- code and registry agree


@cache
def trees() -> tuple[tuple[Path, ast.Module], ...]:
    return tuple((path, ast.parse(path.read_text("utf-8"))) for path in sorted(SOURCES.rglob("*.py")))


def literals() -> Iterator[tuple[str, str]]:
    """Every text in the sources that has the form of a code, and where it stands."""
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                yield node.value, f"{path.relative_to(HOME)}:{node.lineno}"


def composed() -> Iterator[re.Pattern[str]]:
    """Codes that the sources compose, one for each member of an enumeration: ``f"RESIDUAL-{kind}"``."""
    for _, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = [str(part.value) if isinstance(part, ast.Constant) else None for part in node.values]
                if re.fullmatch(r"[A-Z][A-Z0-9]*-([A-Z0-9]+-)*", parts[0] or ""):
                    yield re.compile("".join("[A-Z0-9-]+" if part is None else re.escape(part) for part in parts))


def raised() -> Iterator[tuple[str, str]]:
    """The codes that stand in a call of ``Finding`` itself."""
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Finding":
                given = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "code")]
                for code in given:
                    if isinstance(code, ast.Constant):
                        yield str(code.value), f"{path.relative_to(HOME)}:{node.lineno}"


def test_every_code_that_is_raised_is_registered() -> None:
    families = {code.partition("-")[0] for code in registry()}
    met = [*raised(), *((code, place) for code, place in literals() if code.partition("-")[0] in families)]
    assert [f"{place}: {code}" for code, place in met if code not in registry()] == []


def test_every_registered_code_is_raised_somewhere() -> None:
    """By a text in the sources, or in a data file that they read (a suite's meta, a rule table)."""
    in_code = {code for code, _ in literals()}
    patterns = list(composed())
    in_code |= {each.code for each in RULES for pattern in patterns if pattern.fullmatch(each.code)}
    data = "\n".join(path.read_text("utf-8") for path in data_files())
    idle = [
        each.code
        for each in RULES
        if each.code not in in_code and not re.search(rf"(?<![\w-]){each.code}(?![\w-])", data)
    ]
    assert idle == []


@cache
def texts_of_tests() -> str:
    """The text of every test but this file's, and of the demo, which plants troubles and looks where they end."""
    here = Path(__file__)
    paths = (path for folder in ("tests", "demo") for path in sorted((HOME / folder).rglob("*.py")) if path != here)
    return "\n".join(path.read_text("utf-8") for path in paths)


@every_rule
def test_a_test_names_it(each: Rule) -> None:
    """Each room's tests raise its findings; a code that none of them names was never raised."""
    assert re.search(rf"(?<![\w-]){each.code}(?![\w-])", texts_of_tests()), "no test raises it"


def data_files() -> Iterator[Path]:
    for folder in (SOURCES, HOME / "expectations"):
        for suffix in ("*.json", "*.csv", "*.yaml"):
            yield from (path for path in folder.rglob(suffix) if path.name != "findings.yaml")


# --- what a finding refuses


def test_an_unknown_code_is_a_bug() -> None:
    with pytest.raises(Bug, match=r"NO-SUCH-CODE is in no findings\.yaml"):
        Finding("NO-SUCH-CODE")
    with pytest.raises(Bug):
        rule("NO-SUCH-CODE")


def test_a_placeholder_too_many_or_too_few_is_a_bug() -> None:
    with pytest.raises(Bug, match="takes"):
        Finding("AGREEMENT-ENDED")
    with pytest.raises(Bug, match="takes"):
        Finding("AGREEMENT-NOT-IN-FORCE", values={"name": "x"})


@pytest.mark.parametrize("value", ["DUPONT", "Dupont Jean", "12/04/1956", "2026-09-30\n", "", "19560412"])
def test_a_placeholder_takes_no_value_of_another_type_and_never_repeats_it(value: str) -> None:
    with pytest.raises(Bug) as caught:
        Finding("AGREEMENT-ENDED", values={"ended": value})
    assert not value.strip() or value not in str(caught.value)


@pytest.mark.parametrize("value", ["MARCHEMALLE^Odilon", "Jean Dupont", "dupont@hopital.fr", "1.2.3.4", "a/b.dcm", "é"])
@pytest.mark.parametrize("kind", sorted(PLACEHOLDER_TYPES))
def test_no_type_of_placeholder_takes_what_usually_identifies(kind: str, value: str) -> None:
    assert not PLACEHOLDER_TYPES[kind].fullmatch(value)


def test_refused_and_incident_send_to_quarantine_and_the_rest_does_not() -> None:
    closed, kind = Finding("AGREEMENT-NOT-IN-FORCE"), Finding("AGREEMENT-KIND-NOT-COVERED", values={"kind": "table"})
    assert refused([kind, closed])
    assert not refused([kind])
    assert not refused([])
