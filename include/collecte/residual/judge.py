"""Whether a candidate of the engine is somebody's identifier, or the same letters by chance: by what stands around."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from collecte.records import IdentifierKind
from collecte.residual.folding import plain
from collecte.residual.pieces import Region
from collecte.residual.tokens import Shape, Token
from collecte.residual.vocabulary import known

#: Characters before and behind a candidate that are looked at.
REACH = 80

_LETTERS = re.compile(rb"[a-z\x9c\xe6\xdf]*")
_CODE = re.compile(rb"[a-z2-7]{16}")  # a pseudonym or a reference of collecte.pseudonym
_RUN = re.compile(rb"[a-z0-9]*")
_PSEUDONYM, _PSEUDONYM_LENGTH = re.compile(rb"(?<![a-z0-9])sub-[a-z2-7]{16}(?![a-z0-9])"), 20
_DELIMITERS = frozenset(b" \t\r\n\0^=,;:-_'\"/\\()[]<>|&.")
#: VRs whose numbers are measurements and counts, and dates and times, unless they are badly formed.
_MEASURES = frozenset(("IS", "DS"))
_TIMES = {
    "DA": re.compile(rb"[\d\\ \0.-]*"),
    "TM": re.compile(rb"[\d\\ \0.:-]*"),
    "DT": re.compile(rb"[\d\\ \0.+-]*"),
}
_FORMAL = frozenset(("AS", "CS", "DA", "DT", "TM", "UI"))
_NUMBERS = frozenset(("UI", "DS"))
_TRUNK = re.compile(rb"(?:(?<![0-9])(?<!\d\.)0|(?:\+|(?<![0-9])00|(?<![0-9]))33[ .\-/]?(?:\(0\)|0)?[ .\-/]?)$")
_KEY = re.compile(rb"(?:[ .\-/_]?\d\d)?(?!\d|\.\d)")
_PRINTABLE = re.compile(rb"[\0\t\r\n\x20-\x7e]*")
_DATE = re.compile(rb"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
#: Elements in which every part of a name and every ID counts, however common the word.
_PERSONAL = frozenset(("(0010,0020)", "(0010,1000)", "(0010,1001)", "(0010,1005)", "(0010,1060)"))


@dataclass(frozen=True, slots=True)
class Context:
    """A candidate and its surroundings, one byte a character. ``value``: the whole value, where it is short.
    ``bulky``: it stands among so many bytes that are no text that words of some length come up by chance. ``ours``: the
    pseudonyms of those whom the file is about."""

    matched: bytes
    before: bytes
    after: bytes
    region: Region
    place: str
    vr: str
    value: bytes = b""
    bulky: bool = False
    ours: frozenset[str] = frozenset()


def counts(token: Token, context: Context) -> bool:
    """Whether the token, standing there, betrays somebody."""
    if _in_pseudonym(context):
        return False
    if token.weak:
        return _personal(context) and _apart(context)
    return _JUDGES[token.shape](token, context)


def _phone(token: Token, context: Context) -> bool:
    return bool(_TRUNK.search(context.before)) and not context.after[:1].isdigit() and context.vr not in _NUMBERS


def _nir(token: Token, context: Context) -> bool:
    before = context.before[-1:].isdigit() or re.search(rb"\d\.$", context.before)
    return not before and bool(_KEY.match(context.after)) and context.vr not in _NUMBERS


def _phrase(token: Token, context: Context) -> bool:
    until = plain(context.before + context.matched)
    window, end = until + plain(context.after), len(until)
    return any(match.start() < end <= match.end() for match in _whole_phrase(token.phrases).finditer(window))


@lru_cache(maxsize=4096)
def _whole_phrase(phrases: tuple[tuple[bytes, ...], ...]) -> re.Pattern[bytes]:
    alternatives = (rb"[^a-z0-9]{1,4}".join(map(re.escape, words)) for words in phrases)
    return re.compile(rb"(?<![a-z0-9])(?:" + rb"|".join(alternatives) + rb")(?![a-z0-9])")


def _number(token: Token, context: Context) -> bool:
    """Digits alone: whole numbers, no piece of a decimal or a UID, and of some length where numbers are at home."""
    if not _whole(context) or (context.region is Region.PIXEL and _is_ramp(token.text)):
        return False
    length = len(token.text)
    if context.vr == "SH" and length <= 6 and _CODE.fullmatch(context.value.strip().lower()):
        return False  # inside a keyed reference of ours, which is the whole value: chance, as for words
    if context.vr == "UI" and b"." not in token.text:
        return False
    if context.vr in _MEASURES and length < 8:
        return False
    if (time := _TIMES.get(context.vr)) and time.fullmatch(context.value):
        return False
    if length >= 5:
        return not (token.kind is IdentifierKind.PATH and _DATE.fullmatch(token.text) and _cell(context))
    return _short_number(token, context)


def _is_ramp(text: bytes) -> bool:
    """Whether no byte is far from the next, as pixels beside each other are: 00123456."""
    return all(abs(a - b) <= 1 for a, b in pairwise(text))


def _short_number(token: Token, context: Context) -> bool:
    """Four digits count in words, not in a cell of numbers nor as a year; fewer count in a patient's ID only."""
    if not _apart(context):
        return False
    if _personal(context):
        return True
    year = re.fullmatch(rb"19\d\d|20\d\d", token.text)
    if context.region is not Region.TEXT or len(token.text) < 4 or year or context.vr in _FORMAL:
        return False
    return bool(context.vr) or not _cell(context)


def _whole(context: Context) -> bool:
    before, after = context.before, context.after
    if before[-1:].isdigit() or after[:1].isdigit():
        return False
    return not (before[-1:] == b"." and before[-2:-1].isdigit()) and not (after[:1] == b"." and after[1:2].isdigit())


def _cell(context: Context) -> bool:
    """Whether the candidate fills a cell of a table alone."""
    return context.before[-1:] in (b"", *_CELL_ENDS) and context.after[:1] in (b"", *_CELL_ENDS)


_CELL_ENDS = tuple(bytes([byte]) for byte in b',;\t\n\r"|')


def _word(token: Token, context: Context) -> bool:
    length = len(token.text)
    if length < 4 and not _set_off(context):
        return False
    if context.region is not Region.TEXT and not _meant(token, context):
        return False
    if length <= 8 and _cuts_a_number(token, context):
        return False
    return not _by_chance(token, context)


def _set_off(context: Context) -> bool:
    """At word boundaries; among bytes that are no text, at boundaries that a text would have."""
    return _apart(context) if context.region is Region.TEXT else _delimited(context)


def _apart(context: Context) -> bool:
    return not _alphanumeric(context.before[-1:]) and not _alphanumeric(context.after[:1])


def _delimited(context: Context) -> bool:
    before, after = context.before[-1:], context.after[:1]
    return (not before or before[0] in _DELIMITERS) and (not after or after[0] in _DELIMITERS)


def _meant(token: Token, context: Context) -> bool:
    """Whether a word among bytes that are no text was written, rather than thrown."""
    length = len(token.text)
    if len(set(token.text)) < 3:
        return _delimited(context)
    if not context.bulky or length >= 8:
        return True
    if length <= 4:
        return _among_text(context) and _delimited(context)
    return _among_text(context) or (length >= 6 and _delimited(context))


def _among_text(context: Context) -> bool:
    """Whether eight characters on both sides, as far as the value reaches, are such as a text has."""
    return bool(_PRINTABLE.fullmatch(context.before[-8:] + context.after[:8]))


def _cuts_a_number(token: Token, context: Context) -> bool:
    first, last = token.text[:1], token.text[-1:]
    return (first.isdigit() and context.before[-1:].isdigit()) or (last.isdigit() and context.after[:1].isdigit())


def _by_chance(token: Token, context: Context) -> bool:
    """Whether the letters around make it a part of a word that names nobody, or of a code of our own."""
    if _apart(context):
        return False
    before = _LETTERS.match(context.before[::-1])
    after = _LETTERS.match(context.after)
    if before and after and token.text.isalpha() and before[0][::-1] + token.text + after[0] in known():
        return True
    return len(token.text) <= 6 and _in_code(token, context)


def _in_code(token: Token, context: Context) -> bool:
    run, marked = _run(token, context)
    return bool(_CODE.fullmatch(run)) and (marked or any(byte in b"234567" for byte in run))


def _in_pseudonym(context: Context) -> bool:
    """Whether it stands inside a pseudonym that this project made for one of the file's own subjects: of 200,000 such,
    some hold a name of seven letters by chance, and all of them the name Sub. No one without the keys can write another
    text that is one."""
    around = context.before + context.matched + context.after
    start, end = len(context.before), len(context.before) + len(context.matched)
    near = _PSEUDONYM.finditer(around.lower(), max(0, start - _PSEUDONYM_LENGTH))
    ours = (run for run in near if run[0].decode("ascii") in context.ours)
    return any(run.start() <= start and end <= run.end() for run in ours)


def _run(token: Token, context: Context) -> tuple[bytes, bool]:
    """The letters and digits around the token with itself, and whether ``sub-`` stands before them."""
    before, after = _RUN.match(context.before[::-1]), _RUN.match(context.after)
    head, tail = before[0][::-1] if before else b"", after[0] if after else b""
    marked = context.before[: len(context.before) - len(head)].endswith(b"sub-")
    return head + token.text + tail, marked


def _personal(context: Context) -> bool:
    return context.vr == "PN" or context.place in _PERSONAL


def _alphanumeric(byte: bytes) -> bool:
    return byte.isalnum() or byte in (b"\x9c", b"\xe6", b"\xdf")


_JUDGES: Mapping[Shape, Callable[[Token, Context], bool]] = {
    Shape.WORD: _word,
    Shape.NUMBER: _number,
    Shape.PHONE: _phone,
    Shape.NIR: _nir,
    Shape.PHRASE: _phrase,
}
