"""A challenge's keys: one file, made once, never in the challenge's YAML.

The *challenge secret* is fixed for the challenge's life; pseudonyms, UIDs, date shifts and digests each use a key of
their own derived from it by purpose (HKDF-SHA-256, RFC 5869). *Sealing* keys (AES-256-GCM) are separate and can be
rotated: each sealed value carries the id of its key. The *signing* key is Ed25519.
"""

import base64
import hmac
import json
import os
import re
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from collecte.errors import NeedsPerson

_NONCE_BYTES = 12
_VERSION = 1
_KEY_ID = re.compile(r"k[1-9]\d{0,8}")


@dataclass(frozen=True)
class Keys:
    """The key ring of one challenge. ``repr`` shows nothing of it."""

    challenge_secret: bytes = field(repr=False)
    sealing: dict[str, bytes] = field(repr=False, hash=False)
    active_sealing: str
    signing_seed: bytes = field(repr=False)

    @classmethod
    def new(cls) -> "Keys":
        """A fresh key ring from the operating system's random source."""
        return cls(secrets.token_bytes(32), {"k1": secrets.token_bytes(32)}, "k1", secrets.token_bytes(32))

    @classmethod
    def parse(cls, text: str, where: str) -> "Keys":
        """The key ring in ``text`` (JSON, as :meth:`dump` writes it); ``where`` names its place in messages.

        Raises:
            NeedsPerson: it is no key ring of ours.
        """
        try:
            raw = json.loads(text)
            keys = cls(
                challenge_secret=base64.b64decode(raw["challenge_secret"], validate=True),
                sealing={
                    key_id: base64.b64decode(key, validate=True) for key_id, key in raw["sealing"]["keys"].items()
                },
                active_sealing=raw["sealing"]["active"],
                signing_seed=base64.b64decode(raw["signing"], validate=True),
            )
            sound = raw["version"] == _VERSION and keys._is_complete()
        except (ValueError, KeyError, TypeError, AttributeError):
            sound = False
        if not sound:
            raise NeedsPerson(
                f"The keys in {where} cannot be read: this is no complete key file of Collecte.",
                "restore it from the backup of the keys; `collecte key new FILE` makes keys for a new challenge only.",
            ) from None
        return keys

    def _is_complete(self) -> bool:
        lengths = {len(self.challenge_secret), len(self.signing_seed), *map(len, self.sealing.values())}
        return lengths == {32} and self.active_sealing in self.sealing and all(map(_KEY_ID.fullmatch, self.sealing))

    @classmethod
    def load(cls, path: Path) -> "Keys":
        """The key ring in a file.

        Raises:
            NeedsPerson: there is no such file, it may not be read, or it is malformed.
        """
        try:
            text = path.read_text("utf-8")
        except FileNotFoundError:
            raise NeedsPerson(f"There is no key file {path}.", f"make one with `collecte key new {path}`.") from None
        except (OSError, UnicodeDecodeError):
            raise NeedsPerson(
                f"The key file {path} cannot be read.", "give the user that runs Collecte the right to read it."
            ) from None
        return cls.parse(text, str(path))

    def dump(self) -> str:
        """The key ring as JSON: SECRET."""
        encoded = {key_id: base64.b64encode(key).decode() for key_id, key in self.sealing.items()}
        return json.dumps(
            {
                "version": _VERSION,
                "challenge_secret": base64.b64encode(self.challenge_secret).decode(),
                "sealing": {"active": self.active_sealing, "keys": encoded},
                "signing": base64.b64encode(self.signing_seed).decode(),
            },
            indent=2,
        )

    def save(self, path: Path, *, replace: bool = False) -> None:
        """Write the key ring, readable by its owner alone; an existing file is kept unless ``replace``.

        Raises:
            NeedsPerson: the file exists and ``replace`` is false, or it cannot be written.
        """
        try:
            if replace:
                _write_private(path, self.dump())
            else:
                _create_private(path, self.dump())
        except FileExistsError:
            raise NeedsPerson(
                f"{path} exists; its keys are not overwritten.",
                "choose another file name, or move the old keys to a safe place first: without them no pseudonym can "
                "be made again.",
            ) from None
        except OSError as error:
            raise NeedsPerson(
                f"The key file {path} cannot be written: {error.strerror}.",
                "name a file in a folder that exists, on a disk with space, and that you may write to.",
            ) from None

    def rotated(self) -> "Keys":
        """The same keys with a new active sealing key; old sealed values still open, pseudonyms are untouched."""
        newest = max(int(key_id.removeprefix("k")) for key_id in self.sealing)
        key_id = f"k{newest + 1}"
        return Keys(self.challenge_secret, {**self.sealing, key_id: secrets.token_bytes(32)}, key_id, self.signing_seed)

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose, fixed for the challenge's life."""
        return HKDF(SHA256(), 32, salt=None, info=b"collecte/v1/" + purpose.encode()).derive(self.challenge_secret)

    @cached_property
    def _digest_key(self) -> bytes:
        return self.derive("digest")

    def digest(self, purpose: str, *parts: str) -> str:
        """A keyed digest (hex, 64 characters) by which identifying text is compared without being stored."""
        return keyed_digest(self._digest_key, purpose, *parts).hex()

    def seal(self, text: str, table: str, column: str, row: int) -> tuple[bytes, str]:
        """``text`` sealed for one cell of the catalogue, and the id of the key: (nonce + ciphertext, key id)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self.sealing[self.active_sealing]).encrypt(nonce, _to_bytes(text), _cell(table, column, row))
        return nonce + sealed, self.active_sealing

    def unseal(self, sealed: bytes, key_id: str, table: str, column: str, row: int) -> str:
        """The text of one sealed cell.

        Raises:
            NeedsPerson: the key is not in the ring, or the cell was altered or moved.
        """
        try:
            opened = AESGCM(self.sealing[key_id]).decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _cell(table, column, row)
            )
        except (KeyError, ValueError, InvalidTag):  # ValueError: cut short, even of its nonce
            raise NeedsPerson(
                f"The sealed {table}.{column} of row {row} does not open with key {key_id}.",
                "check that this challenge's own key file is in use; if it is, the catalogue was altered: "
                "run `collecte audit verify` and restore the backup.",
            ) from None
        return opened.decode("utf-8", "surrogateescape")

    @cached_property
    def signing(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.signing_seed)


def _create_private(path: Path, text: str) -> None:
    """The name is taken before anything is written: of two that make keys at once, one is refused."""
    path.touch(0o600, exist_ok=False)
    try:
        _write_private(path, text)
    except OSError:
        path.unlink()
        raise


def _write_private(path: Path, text: str) -> None:
    """Complete and on the disk under another name first; what a killed attempt left there is made anew, a link too."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def keyed_digest(key: bytes, purpose: str, *parts: str) -> bytes:
    """HMAC-SHA-256 over length-prefixed parts, so that no two lists of parts can give one input."""
    message = b"".join(len(raw).to_bytes(8, "big") + raw for raw in map(_to_bytes, (purpose, *parts)))
    return hmac.digest(key, message, "sha256")


def _to_bytes(text: str) -> bytes:
    """File names may hold bytes that are no UTF-8; they travel as lone surrogates (PEP 383)."""
    return text.encode("utf-8", "surrogateescape")


def _cell(table: str, column: str, row: int) -> bytes:
    return f"{table}/{column}/{row}".encode()
