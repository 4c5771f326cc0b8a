"""Put a package together: documents, bag, sums, signature. A function of what is there: the same each time."""

import io
import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from collecte.opendata.bag import write_bag
from collecte.opendata.contents import Contents
from collecte.opendata.documents import DOCUMENTS
from collecte.package import (
    KEY_NAME,
    SIGNATURE_NAME,
    SUMS_NAME,
    TIME,
    public_key_text,
    sha256_of,
    sha256sums,
    signature_of,
)
from collecte.zones import fsync_folder, write_whole


def complete(
    folder: Path, contents: Contents, payload: Mapping[str, tuple[str, int]], signing: Ed25519PrivateKey
) -> str:
    """Write everything beside the payload (path → SHA-256, size); the digest of the package (hex)."""
    sums = dict(payload)
    for name, write in DOCUMENTS.items():
        write_whole(folder / name, io.BytesIO(write(contents)))
        sums[name] = (sha256_of(folder / name), (folder / name).stat().st_size)
    write_whole(folder / KEY_NAME, io.BytesIO(public_key_text(signing).encode() + b"\n"))
    tags = write_bag(folder, sums, contents.name, contents.society)
    all_ = {path: digest for path, (digest, _) in sums.items()} | tags
    all_[KEY_NAME] = sha256_of(folder / KEY_NAME)
    content = sha256sums(all_.items())
    write_whole(folder / SUMS_NAME, io.BytesIO(content))
    write_whole(folder / SIGNATURE_NAME, io.BytesIO(signature_of(content, signing)))
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            os.utime(Path(parent) / name, (TIME, TIME))
        fsync_folder(Path(parent))
        os.utime(parent, (TIME, TIME))
    return sha256_of(folder / SUMS_NAME)
