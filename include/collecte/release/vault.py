"""The vault of a release: what must stay hidden while the competition runs. SECRET.

``secret``
    32 random bytes, sealed; stored before their first use. New ids, the split's seed and the salt of its commitment
    are derived from it.
``assignment``
    a sealed CSV: which case is which subject, of which centre, in which part, with which label.
``labels-<destination>.age``
    the labels of the test sets, with the part of each, encrypted to a host's scorer key (age, X25519).

Sealed as cells of the catalogue are (AES-256-GCM, the key's id beside it), bound to challenge, release and name: a file
that is put in another's place does not open.
"""

import base64
import csv
import io
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal

from collecte.errors import NeedsPerson
from collecte.keys import Keys, keyed_digest
from collecte.zones import write_whole

Part = Literal["train", "public_test", "private_test"]

#: The parts of a split. What of the test sets is public and what private stays in here.
PARTS: tuple[Part, ...] = ("train", "public_test", "private_test")

_SECRET, _ASSIGNMENT = "secret", "assignment"


@dataclass(frozen=True)
class Assigned:
    """One case of a release. ``subject``: pseudonym; ``centre``: its id; ``label``: empty where there is none."""

    case: str
    subject: str
    centre: str
    part: Part
    label: str

    def __repr__(self) -> str:
        return f"Assigned({self.case}, …)"


def ensure_secret(keys: Keys, folder: Path) -> bytes:
    """The secret of a release, made and stored where there is none yet.

    Raises:
        NeedsPerson: it does not open with these keys.
    """
    path = folder / _SECRET
    folder.mkdir(0o700, parents=True, exist_ok=True)
    if not path.exists():
        write_whole(path, io.BytesIO(_sealed(keys, folder, _SECRET, secrets.token_hex(32))))
    return bytes.fromhex(_open(keys, folder, _SECRET))


def seed_of(secret: bytes) -> bytes:
    """The seed of the split: 32 bytes."""
    return keyed_digest(secret, "split seed")


def salt_of(secret: bytes) -> bytes:
    """The salt of the commitment to the seed: 32 bytes. With the seed shown, anybody can hold both against it."""
    return keyed_digest(secret, "commitment salt")


def write_assignment(keys: Keys, folder: Path, rows: Iterable[Assigned]) -> None:
    """Seal the assignment of a release, by case."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(Assigned)])
    writer.writerows(sorted(map(astuple, rows)))
    write_whole(folder / _ASSIGNMENT, io.BytesIO(_sealed(keys, folder, _ASSIGNMENT, text.getvalue())))


def read_assignment(keys: Keys, folder: Path) -> list[Assigned]:
    """The assignment of a release, by case. ``folder``: its place in the vault, ``…/<challenge>/<v1>``. SECRET.

    Raises:
        NeedsPerson: there is none, or it does not open with these keys.
    """
    rows = csv.DictReader(io.StringIO(_open(keys, folder, _ASSIGNMENT), newline=""))
    return [Assigned(row["case"], row["subject"], row["centre"], _part(row["part"]), row["label"]) for row in rows]


def write_labels(folder: Path, destination: str, scorer_key: str, label: str, rows: Iterable[Assigned]) -> Path:
    """Encrypt the labels of the test sets to a host's scorer: a CSV of case, label and part, by case. Each time other
    bytes, of the same content.

    Raises:
        NeedsPerson: the key is no public key of age.
    """
    path = folder / f"labels-{destination}.age"
    write_whole(path, io.BytesIO(_encrypted(labels_table(label, rows), destination, scorer_key)))
    return path


def labels_table(label: str, rows: Iterable[Assigned]) -> bytes:
    """What a host's scorer reads once it has decrypted it: ``case,<label>,part`` of the test sets."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["case", label, "part"])
    writer.writerows(sorted((row.case, row.label, row.part) for row in rows if row.part != "train"))
    return text.getvalue().encode()


def reseal(keys: Keys, folder: Path) -> int:
    """Seal a release's files anew under the active key; how many were under another."""
    stale = [name for name in (_SECRET, _ASSIGNMENT) if _key_of(folder / name) not in (None, keys.active_sealing)]
    for name in stale:
        write_whole(folder / name, io.BytesIO(_sealed(keys, folder, name, _open(keys, folder, name))))
    return len(stale)


def _encrypted(content: bytes, destination: str, scorer_key: str) -> bytes:
    import pyrage  # a native library that only this needs

    try:
        encrypted: bytes = pyrage.encrypt(content, [pyrage.x25519.Recipient.from_str(scorer_key)])
    except (pyrage.RecipientError, pyrage.EncryptError):
        raise NeedsPerson(
            f"The scorer key of {destination} is no public key of age.",
            "ask the host for it and write it into the challenge file (release, destinations, scorer_key).",
        ) from None
    return encrypted


def _sealed(keys: Keys, folder: Path, name: str, text: str) -> bytes:
    sealed, key_id = keys.seal(text, *_cell(folder, name))
    return json.dumps({"key": key_id, "sealed": base64.b64encode(sealed).decode()}).encode() + b"\n"


def _open(keys: Keys, folder: Path, name: str) -> str:
    try:
        raw = json.loads((folder / name).read_bytes())
        sealed, key_id = base64.b64decode(raw["sealed"], validate=True), str(raw["key"])
    except (OSError, ValueError, KeyError, TypeError):
        raise NeedsPerson(
            f"The vault of release {folder.name} has no {name}, or it is damaged.",
            "restore the vault from its backup: without it no test label and no case can be told.",
        ) from None
    return keys.unseal(sealed, key_id, *_cell(folder, name))


def _key_of(path: Path) -> str | None:
    if not path.exists():
        return None
    found: str = json.loads(path.read_bytes())["key"]
    return found


def _cell(folder: Path, name: str) -> tuple[str, str, int]:
    """The place that a sealed file is bound to."""
    return "vault", f"{folder.parent.name}/{name}", int(folder.name.removeprefix("v"))


def _part(text: str) -> Part:
    parts: Sequence[Part] = PARTS
    return next(part for part in parts if part == text)
