"""Which UIDs are the same in every hospital, and what of the others a finding may show."""

import re
from functools import cache

from pydicom._uid_dict import UID_dictionary

from collecte.findings import MAKERS

#: The standard's own root, and that of HL7's registry of coding schemes.
PUBLIC_ROOTS = ("1.2.840.10008.", "2.16.840.1.113883.6.")
_FORM = re.compile(r"[0-9.]{1,64}")
#: What they may give out beside the UIDs that PS3.6 lists: SOP classes and transfer syntaxes next to those, context
#: groups, coding schemes.
_NEXT, _SCHEMES = re.compile(r"(.+\.)[1-9][0-9]{0,2}"), re.compile(r"2\.16\.840\.1\.113883\.6\.[1-9][0-9]{0,2}")
_GROUPS = re.compile(r"1\.2\.840\.10008\.6\.1\.[1-9][0-9]{0,3}")


def is_public_uid(uid: str) -> bool:
    """Whether a UID is one of the standard's or of a registry, and not something under their root."""
    if not uid.startswith(PUBLIC_ROOTS) or not _FORM.fullmatch(uid):
        return False
    if uid in UID_dictionary or _SCHEMES.fullmatch(uid) or _GROUPS.fullmatch(uid):
        return True
    beside = _NEXT.fullmatch(uid)
    return beside is not None and beside[1] in _branches()


@cache
def _branches() -> frozenset[str]:
    """What the UIDs that PS3.6 lists begin with, up to their last component."""
    return frozenset(f"{uid.rpartition('.')[0]}." for uid in UID_dictionary)


def told_uid(uid: str) -> str:
    """A UID as a finding may show it: one of the standard's, the root of a maker's; ``?`` for any other, which could
    name a patient.
    """
    if uid.startswith(PUBLIC_ROOTS[0]) and is_public_uid(uid):
        return uid
    return next((root for root in MAKERS if uid.startswith(f"{root}.")), "?")
