"""Content items that say of the patient what an attribute says, too: the one may be told where the other may (PS3.16,
TID 1007). They are known by their concepts.
"""

from collections.abc import Iterable
from functools import cache

from collecte.formats.dicom._codes import CODE_SCHEME, CODE_VALUES
from collecte.formats.dicom._elements import Element, Item, text_of
from collecte.formats.dicom._rules import MEASURED_VALUE, SHARED_DATES, TOP, UNTOLD, Action, Rules
from collecte.formats.dicom._tables import rows
from collecte.formats.dicom._values import is_capped

_CONCEPT_NAME, _NUMERIC_VALUE, _UNITS = 0x0040A043, 0x0040A30A, 0x004008EA
#: UCUM codes of units of age, and the letters of VR AS.
_AGE_UNITS = {"d": "D", "wk": "W", "mo": "M", "a": "Y"}


def place_of(data: bytes, item: Item, sequence: int, rules: Rules) -> int:
    """The place of the elements of an item: its sequence, or :data:`UNTOLD` where the item says of the patient what may
    not be told.

    Args:
        data: the bytes that the item was found in.
        item: of the sequence.
        sequence: its tag.
        rules: of the SOP class.
    """
    attribute = _attributes().get(_code(data, item.elements, _CONCEPT_NAME))
    if attribute is None:
        return sequence
    action = rules.decide(TOP, attribute).action
    if attribute in SHARED_DATES:  # their attributes are removed or kept, and never moved
        return sequence if rules.of_dates() is Action.KEEP else UNTOLD
    told = action in (Action.KEEP, Action.CLEAN) or (action is Action.AGE and not _is_old(data, item))
    return sequence if told else UNTOLD


@cache
def _attributes() -> dict[tuple[str, str], int]:
    """(scheme, value) of a concept → the attribute that says the same."""
    return {(row["scheme"], row["value"]): int(row["tag"], 16) for row in rows("content_concepts")}


def _is_old(data: bytes, item: Item) -> bool:
    """Whether an age is beyond the oldest that is told, or in no unit that we know."""
    for measured in _items(item.elements, MEASURED_VALUE) or (item,):
        unit = _AGE_UNITS.get(_code(data, measured.elements, _UNITS)[1], "")
        if is_capped(_text(data, measured.elements, _NUMERIC_VALUE), unit):
            return True
    return False


def _code(data: bytes, elements: Iterable[Element], sequence: int) -> tuple[str, str]:
    """Scheme and value of the coded entry in a sequence."""
    for item in _items(elements, sequence):
        values = (_text(data, item.elements, tag) for tag in CODE_VALUES)
        return _text(data, item.elements, CODE_SCHEME), next(filter(None, values), "")
    return "", ""


def _items(elements: Iterable[Element], sequence: int) -> tuple[Item, ...]:
    return next((element.items or () for element in elements if element.tag == sequence), ())


def _text(data: bytes, elements: Iterable[Element], tag: int) -> str:
    return text_of(data, next((element for element in elements if element.tag == tag), None))
