"""What every package that leaves carries: a sorted tree of files and its ``SHA256SUMS``, written the same way each
time; and, of those that are frozen, a signature over it (Ed25519, RFC 8032).
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from collecte.errors import NeedsPerson

SUMS_NAME = "SHA256SUMS"
SIGNATURE_NAME = "SHA256SUMS.sig"
KEY_NAME = "signing-key.pub"

#: The modification time of everything in a package, in seconds: the first that a ZIP file can hold (1980-01-01, UTC).
TIME = 315_532_800


def as_json(content: object) -> bytes:
    """JSON as a package holds it: sorted, indented, the same each time."""
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file (hex), read in chunks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256sums(entries: Iterable[tuple[str, str]]) -> bytes:
    """The text of ``SHA256SUMS`` for (name, SHA-256 hex) pairs, sorted by name, as ``sha256sum --check`` reads it.

    Raises:
        ValueError: a name holds a newline or a backslash; ours never do.
    """
    lines = []
    for name, digest in sorted(entries):
        if "\n" in name or "\\" in name:
            raise ValueError("a name in a package holds a newline or a backslash")
        lines.append(f"{digest}  {name}\n")
    return "".join(lines).encode()


def read_sums(text: bytes) -> dict[str, str]:
    """Name → SHA-256 (hex) of a ``SHA256SUMS`` of ours.

    Raises:
        NeedsPerson: a line is not of the form ``<64 hex digits><two spaces><name>``.
    """
    sums: dict[str, str] = {}
    for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), 1):
        digest, separator, name = line.partition("  ")
        if len(digest) != 64 or not separator or name in sums:
            raise NeedsPerson(f"Line {number} of {SUMS_NAME} is malformed.", "fetch the package again.")
        sums[name] = digest
    return sums


def differences(folder: Path) -> Iterator[str]:
    """What in a package's folder differs from its ``SHA256SUMS``, a sentence each; nothing where all agree."""
    sums = read_sums((folder / SUMS_NAME).read_bytes())
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir() or p.is_symlink()}
    present -= {SUMS_NAME, SIGNATURE_NAME}
    for name in sorted(present - set(sums)):
        yield f"{name} is not listed"
    for name, digest in sums.items():
        if name not in present:
            yield f"{name} is missing"
        elif (folder / name).is_symlink():
            yield f"{name} is a link"
        elif sha256_of(folder / name) != digest:
            yield f"{name} has other content"


def digest_of(folder: Path) -> str:
    """The digest of a package: SHA-256 (hex) of its ``SHA256SUMS``."""
    return sha256_of(folder / SUMS_NAME)


def public_key_text(signing: Ed25519PrivateKey) -> str:
    """The public half of a signing key as ``signing-key.pub`` holds it: the 32 raw bytes in base64."""
    return base64.b64encode(signing.public_key().public_bytes_raw()).decode()


def signature_of(sums: bytes, signing: Ed25519PrivateKey) -> bytes:
    """What ``SHA256SUMS.sig`` holds: base64 of the Ed25519 signature over the bytes of ``SHA256SUMS``, and a newline.
    The same key and bytes give the same signature.
    """
    return base64.b64encode(signing.sign(sums)) + b"\n"


def verify_signature(folder: Path, public_key: Path | None) -> Iterator[str]:
    """What is wrong with the signature of a package, a sentence each; nothing where it holds.

    ``public_key``: the file of the key that the package must be signed with, got another way than with the package.
    None: the package's own copy is taken, which proves that it is whole, not where it comes from.
    """
    source = public_key or folder / KEY_NAME
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(source.read_bytes(), validate=False))
    except (OSError, ValueError):
        yield f"{source.name} is missing, or is no key of Ed25519"
        return
    try:
        signature = base64.b64decode((folder / SIGNATURE_NAME).read_bytes(), validate=False)
        key.verify(signature, (folder / SUMS_NAME).read_bytes())
    except (OSError, ValueError):
        yield f"{SIGNATURE_NAME} or {SUMS_NAME} is missing or malformed"
    except InvalidSignature:
        yield f"{SIGNATURE_NAME} is no signature of {SUMS_NAME} by the key in {source.name}"
