"""Which kinds there are. A new kind is a folder beside this file and one line here."""

from collections.abc import Mapping
from pathlib import Path

from collecte.formats import HEAD_BYTES, Format, dicom, table

#: Asked in this order: the kinds with a signature first, text last.
FORMATS: Mapping[str, Format] = {dicom.KIND: dicom, table.KIND: table}


def recognise(path: Path, suffix: str) -> str | None:
    """The kind that says *mine* to the first bytes of a file, or None. ``suffix`` is lower case, with its dot."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return next((kind for kind, form in FORMATS.items() if form.recognise(head, suffix)), None)
