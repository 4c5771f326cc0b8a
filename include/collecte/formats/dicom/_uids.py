"""Which UIDs are the same in every hospital, and what of the others a finding may show."""

import re

from pydicom import config
from pydicom.uid import UID

from collecte.findings import MAKERS

#: The standard's own root, and that of HL7's registry of coding schemes.
PUBLIC_ROOTS = ("1.2.840.10008.", "2.16.840.1.113883.6.")
_FORM = re.compile(r"[0-9.]{1,64}")
#: What they give out, beside the UIDs that PS3.6 lists: newer SOP classes, transfer syntaxes, context groups; schemes.
_PUBLIC = re.compile(
    r"1\.2\.840\.10008\.(?:5\.1\.[14](?:\.[0-9]{1,3}){1,6}|6\.1\.[0-9]{1,4}|1\.2(?:\.[0-9]{1,3}){0,4})"
    r"|2\.16\.840\.1\.113883\.6\.[0-9]{1,4}"
)


def is_public_uid(uid: str) -> bool:
    """Whether a UID is one of the standard's or of a registry, and not something under their root."""
    if not uid.startswith(PUBLIC_ROOTS) or not _FORM.fullmatch(uid):
        return False
    return _PUBLIC.fullmatch(uid) is not None or UID(uid, config.IGNORE).name != uid


def told_uid(uid: str) -> str:
    """A UID as a finding may show it: one of the standard's, the root of a maker's; ``?`` for any other, which could
    name a patient.
    """
    if uid.startswith(PUBLIC_ROOTS[0]) and is_public_uid(uid):
        return uid
    return next((root for root in MAKERS if uid.startswith(f"{root}.")), "?")
