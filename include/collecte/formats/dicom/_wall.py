"""The wall around pydicom: it puts offending values into its warnings and its log, so neither leaves a call made here.

pydicom is asked for its dictionaries and for the decoding of text; elements are read and written by this package, which
refuses what breaks the encoding rules. What is wrong with a file travels inside this package as a :class:`Refusal`,
and becomes a finding at the package's edge.
"""

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def silenced() -> Iterator[None]:
    """Within it, warnings are dropped and pydicom's logger says nothing."""
    logger = logging.getLogger("pydicom")
    was_disabled = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = was_disabled
