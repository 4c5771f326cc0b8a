"""Which rules a delivery was made safe and scanned by: a number, kept with the delivery when its work is cut."""

import hashlib
from functools import cache
from pathlib import Path

from collecte.challenge import Challenge

_RULES = ("residual", "formats")
_SUFFIXES = (".csv", ".txt")


def scan_rules(challenge: Challenge) -> int:
    """The number of the rules as they are now: of the rule tables of the scan and of the kinds, and of the challenge's
    own ``kinds``. Code counts only through them.
    """
    digest = hashlib.sha256(_tables() + challenge.kinds.model_dump_json().encode())
    return int.from_bytes(digest.digest()[:4], "big")


@cache
def _tables() -> bytes:
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for room in _RULES:
        for path in sorted((root / room).rglob("*")):
            if path.suffix in _SUFFIXES:
                digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.digest()
