"""What is wrong with a file travels inside this package as a :class:`Refusal`, and becomes a finding at its edge."""

import re

from collecte.findings import Finding


class Refusal(Exception):
    """Why a file is not let through. ``str()`` of it is the finding's code and nothing else."""

    def __init__(self, code: str, place: str = "", **values: str | int) -> None:
        super().__init__(code)
        self.finding = Finding(code, place=place, values=values)


_STANDARD_UID = re.compile(r"1\.2\.840\.10008(\.\d+)+")


def standard_uid(uid: str) -> str:
    """A UID of the standard itself as a finding may show it; ``?`` for any other, which could name a patient."""
    return uid if _STANDARD_UID.fullmatch(uid) else "?"


def unreadable() -> Refusal:
    """The refusal of a file that breaks the encoding rules of PS3.5."""
    return Refusal("DICOM-UNREADABLE")
