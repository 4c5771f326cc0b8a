"""Which rule each column of a table meets, and what its header says of the column's content."""

import csv
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from collecte.challenge import Column, TableRules, header_key
from collecte.errors import NeedsPerson
from collecte.formats.table._reading import Unreadable
from collecte.records import IdentifierKind

#: The header of the pseudonym column in every output.
SUBJECT = "subject"

#: The order in which a header's words count: ``Nom de naissance`` is a name, ``adresse mail`` an e-mail.
_MOST_TELLING_FIRST = (
    IdentifierKind.NIR,
    IdentifierKind.EMAIL,
    IdentifierKind.PHONE,
    IdentifierKind.NAME,
    IdentifierKind.BIRTH_DATE,
    IdentifierKind.ADDRESS,
    IdentifierKind.ID,
)

#: The accents of European languages, which leave nothing but ASCII of most texts. (U+034F is none.)
_ACCENTS = re.compile("[\u0300-\u034e\u0350-\u036f]+")

_WORDS = Path(__file__).parent / "rules" / "header_words.csv"


@dataclass(frozen=True)
class Planned:
    """One column of the source: its place (from 1), its rule (None: no rule names it) and the rule's place among the
    rules, its header in the output, and the kind of identifier that its header announces."""

    number: int
    rule: Column | None
    order: int
    output: str
    identifier: IdentifierKind | None

    @cached_property
    def action(self) -> str:
        """The rule's action; ``drop`` where no rule names the column."""
        return self.rule.action if self.rule else "drop"

    @cached_property
    def sent(self) -> bool:
        return self.action != "drop"

    @cached_property
    def identifies(self) -> IdentifierKind | None:
        """The kind of identifier that its cells are: of the pseudonym column, of accession numbers, of birth dates even
        where they are sent shifted, of a column that is not sent and whose header announces one."""
        if self.action == "pseudonym" or (self.rule and self.rule.refers_to == "accession"):
            return IdentifierKind.ID
        if self.action == "date" and self.identifier is IdentifierKind.BIRTH_DATE:
            return IdentifierKind.BIRTH_DATE
        return None if self.sent else self.identifier

    def __repr__(self) -> str:
        return f"Planned({self.number}, {self.output!r})"


@dataclass(frozen=True)
class Plan:
    """The columns of one table in the source's order, and the place of the pseudonym column among them (from 0)."""

    columns: tuple[Planned, ...]
    subject: int | None

    @cached_property
    def sent(self) -> tuple[Planned, ...]:
        """The columns of the output, in the order of the rules, so that every centre's tables look alike. Without a
        subject no date can be shifted, and none is sent."""
        kept = [
            column for column in self.columns if column.sent and not (self.subject is None and column.action == "date")
        ]
        return tuple(sorted(kept, key=lambda column: column.order))

    @cached_property
    def unsent(self) -> tuple[Planned, ...]:
        return tuple(column for column in self.columns if not column.sent)

    @cached_property
    def telling(self) -> tuple[Planned, ...]:
        """The columns in which identifiers are looked for."""
        return tuple(c for c in self.columns if c.identifies or not c.sent or c.action == "text")


def plan(header: Sequence[str], rules: TableRules) -> Plan:
    """What becomes of each column.

    Raises:
        Unreadable: two columns meet one rule, or none meets any.
        NeedsPerson: two columns of the output would have one name.
    """
    by_name = _rules_by_name(rules)
    columns = tuple(
        _planned(number, text, by_name.get(header_key(text)), rules) for number, text in enumerate(header, start=1)
    )
    _refuse_twice(columns)
    subject = next((place for place, column in enumerate(columns) if column.action == "pseudonym"), None)
    found = Plan(columns, subject)
    if not found.sent:
        raise Unreadable("TABLE-NO-KNOWN-COLUMN")
    return found


def known_columns(header: Sequence[str], rules: TableRules) -> int:
    """How many columns of a header a rule names."""
    by_name = _rules_by_name(rules)
    return sum(header_key(text) in by_name for text in header)


def output_name(rule: Column) -> str:
    """The header of a rule's column in the output: the challenge's word, never the centre's."""
    return SUBJECT if rule.action == "pseudonym" else rule.names[0]


def announced(header: str) -> IdentifierKind | None:
    """The kind of identifier that a header announces (``Nom de naissance``: a name), None for any other."""
    words = _header_words()
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFKC", header))
    tokens = {token.rstrip("0123456789") or token for token in re.split(r"[\W_]+", plain(spaced)) if token}
    tokens.add(header_key(header))
    if tokens & words["not"]:
        return None
    return next((kind for kind in _MOST_TELLING_FIRST if tokens & words[kind.value]), None)


@cache
def common_words() -> frozenset[str]:
    """Words of addresses and names that tell nobody apart (``avenue``, ``von``)."""
    return _header_words()["street"] | _header_words()["particle"]


def plain(text: str) -> str:
    """Text without case and accents."""
    if text.isascii():
        return text.lower()
    decomposed = _ACCENTS.sub("", unicodedata.normalize("NFKD", text).casefold())
    return decomposed if decomposed.isascii() else "".join(c for c in decomposed if not unicodedata.combining(c))


def _planned(number: int, header: str, order: int | None, rules: TableRules) -> Planned:
    if order is None:
        return Planned(number, None, -1, "", announced(header))
    return Planned(number, rules.columns[order], order, output_name(rules.columns[order]), announced(header))


@cache
def _rules_by_name(rules: TableRules) -> dict[str, int]:
    """The place of the rule that meets each name; no two rules share one (:class:`TableRules`).

    Raises:
        NeedsPerson: beside the pseudonym column, another would be called the same in the output.
    """
    pseudonyms = any(rule.action == "pseudonym" for rule in rules.columns)
    for place, rule in enumerate(rules.columns):
        if pseudonyms and rule.action not in ("pseudonym", "drop") and header_key(rule.names[0]) == SUBJECT:
            raise NeedsPerson(
                f"Column {place + 1} of the table rules would be called {SUBJECT}, as the pseudonym column always is.",
                "in the challenge file, under kinds.table.columns, put another of its names first.",
            )
    return {key: place for place, rule in enumerate(rules.columns) for key in map(header_key, rule.names) if key}


def _refuse_twice(columns: tuple[Planned, ...]) -> None:
    seen: dict[str, int] = {}
    for column in columns:
        if not column.sent:
            continue
        if column.output in seen:
            first = seen[column.output]
            raise Unreadable(
                "TABLE-COLUMN-TWICE", f"columns {first}, {column.number}", 2, first=first, second=column.number
            )
        seen[column.output] = column.number


@cache
def _header_words() -> dict[str, frozenset[str]]:
    words: dict[str, set[str]] = {}
    with _WORDS.open(encoding="utf-8", newline="") as file:
        for kind, word in csv.reader(line for line in file if not line.startswith("#")):
            words.setdefault(kind, set()).add(word)
    return {kind: frozenset(found) for kind, found in words.items()}
