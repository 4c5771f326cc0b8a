"""What identifies by its form alone: e-mail addresses, French telephone numbers, social security numbers (NIR).

The engine proposes (:data:`PROPOSALS`, over folded bytes, every character with or without the NUL of UTF-16 behind it);
:func:`confirmed` decides with what stands around.
"""

import re
from collections.abc import Mapping

from stdnum.fr import nir

from collecte.records import IdentifierKind

_GAP = rb"\x00?[ .\-/]?\x00?"

_PAIR = rb"[0-9]\x00?[0-9]"

#: Patterns for the engine, by kind. They match more than is meant, and at least all that is meant.
PROPOSALS: Mapping[IdentifierKind, bytes] = {
    IdentifierKind.EMAIL: rb"[a-z0-9]\x00?@\x00?[a-z0-9]",
    # The last nine digits, with a trunk 0, a (0) or a country's 3 before them.
    IdentifierKind.PHONE: rb"[03]\x00?\)?" + _GAP + rb"[1-9](?:" + _GAP + _PAIR + rb"){4}",
    IdentifierKind.NIR: rb"[1-478]" + 2 * (_GAP + _PAIR) + _GAP + rb"(?:[0-9]\x00?[0-9ab])"
    + 2 * (_GAP + rb"[0-9]\x00?" + _PAIR) + _GAP + _PAIR,
}  # fmt: skip

_FREE, _ENDS = rb"(?<![0-9a-z])", rb"(?![0-9a-z])(?!\.\d)"
_EMAIL = re.compile(rb"[a-z0-9][a-z0-9._%+'-]*@(?:[a-z0-9-]+\.)+[a-z]{2,24}(?![a-z0-9])")
_STRICT_EMAIL = re.compile(
    rb"(?<![^\t\r\n\x20-\x7e\0])[a-z0-9][a-z0-9._%+'-]{2,}@(?:[a-z0-9-]{2,}\.)+[a-z]{2,24}(?![^\0\t\r\n\x20-\x2f\x3a-\x60\x7b-\x7e])"
)
_PHONE = re.compile(
    _FREE + rb"(?<!\d[.,])(?:(?:\+|00) ?33[ .\-/]?(?:\(0\))? ?|0)[1-9](?P<gap>[ .\-/]?)\d\d(?:(?P=gap)\d\d){3}" + _ENDS
)
_NIR = re.compile(
    _FREE + rb"(?<!\d\.)[1-478][ .\-/]?\d\d[ .\-/]?\d\d[ .\-/]?(?:\d\d|2[ab])(?:[ .\-/]?\d{3}){2}[ .\-/]?\d\d" + _ENDS
)
#: Bytes before and behind a proposal's end that :func:`confirmed` wants to see, in characters.
BEFORE, BEHIND = 110, 90


def confirmed(kind: IdentifierKind, window: bytes, end: int, *, strict: bool) -> bool:
    """Whether one of the kind's forms, whole and valid, covers the place just before ``end`` in a folded window.
    ``strict``: among bytes that may be no text, where an @ between letters is no address yet."""
    pattern = {
        IdentifierKind.EMAIL: _STRICT_EMAIL if strict else _EMAIL,
        IdentifierKind.PHONE: _PHONE,
        IdentifierKind.NIR: _NIR,
    }[kind]
    return any(match.start() < end <= match.end() and _valid(kind, window, match) for match in pattern.finditer(window))


def _valid(kind: IdentifierKind, window: bytes, match: re.Match[bytes]) -> bool:
    if kind is IdentifierKind.NIR:
        return _valid_nir(match[0])
    return kind is IdentifierKind.EMAIL or not _of_a_list(window, match)


def _valid_nir(text: bytes) -> bool:
    compact = re.sub(rb"[^0-9ab]", b"", text).decode().upper()
    month = int(compact[3:5])
    return bool(nir.is_valid(compact)) and (1 <= month <= 12 or month >= 20)


def _of_a_list(window: bytes, match: re.Match[bytes]) -> bool:
    """Whether the pairs of digits go on, on either side, as in a list of two-digit numbers, a dump or a UID."""
    if not match["gap"]:
        return False
    gap = re.escape(match["gap"])
    pair = rb"(?:\d[0-9a-f]|[a-f]\d|ff)"
    behind = re.match(rb"(?:" + gap + pair + rb"(?![0-9a-z])){1,2}", window[match.end() :])
    before = re.search(rb"(?:(?<![0-9a-z])" + pair + gap + rb"){1,2}$", window[: match.start()])
    pairs = sum(len(side[0]) // 3 for side in (behind, before) if side)
    return pairs >= 2
