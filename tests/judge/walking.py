"""Every public element of a data set, by the keywords that lead to it."""

from collections import defaultdict
from collections.abc import Iterator, Set

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from tests.judge.strings import folded

#: Keywords from the top down.
Path = tuple[str, ...]
#: Values in the order of the items; None: planted, or empty.
Paths = dict[Path, list[object]]


def paths(data: Dataset) -> Paths:
    """Every public element."""
    found: Paths = defaultdict(list)
    for path, element in walk(data):
        value = _value(element)
        found[path].append(None if value in ("", b"", None) else value)
    return found


def none_of(value: object, planted: Set[str]) -> object:
    """The value; None where it is one of the planted texts (folded)."""
    return None if isinstance(value, str) and folded(value) in planted else value


def walk(data: Dataset, path: Path = ()) -> Iterator[tuple[Path, DataElement]]:
    """Elements with a keyword, at every depth; a value that is none of its VR is passed over."""
    for tag in sorted(data.keys()):
        try:
            element = data[tag]
        except Exception:  # noqa: BLE001, S112 -- whatever pydicom raises over a planted value
            continue
        if not element.keyword:
            continue
        yield (*path, element.keyword), element
        if element.VR == "SQ":
            for item in element.value:
                yield from walk(item, (*path, element.keyword))


def _value(element: DataElement) -> object:
    if element.VR == "SQ":
        return "items" if element.value else None
    if element.keyword == "PixelData":
        return "pixels"  # compared when decoded
    return element.value if isinstance(element.value, bytes) else str(element.value).strip()
