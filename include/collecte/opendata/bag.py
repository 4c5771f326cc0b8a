"""The BagIt layer of a package (RFC 8493): ``data/`` is the payload, everything else are tag files."""

import io
from collections.abc import Mapping
from pathlib import Path

from collecte.package import sha256_of, sha256sums
from collecte.zones import write_whole

_DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def write_bag(folder: Path, sums: Mapping[str, tuple[str, int]], name: str, organisation: str) -> dict[str, str]:
    """Write the tag files of a bag over what is in the package: path → SHA-256 (hex) and size (bytes). The path and
    SHA-256 of the tag files.
    """
    payload = {path: one for path, one in sums.items() if path.startswith("data/")}
    total = sum(size for _, size in payload.values())
    info = (
        f"Source-Organization: {organisation}\nExternal-Identifier: {name}\n"
        f"Payload-Oxum: {total}.{len(payload)}\nBag-Software-Agent: Collecte\n"
    )
    texts = {
        "bagit.txt": _DECLARATION,
        "bag-info.txt": info.encode(),
        "manifest-sha256.txt": sha256sums((path, digest) for path, (digest, _) in payload.items()),
    }
    for path, content in texts.items():
        write_whole(folder / path, io.BytesIO(content))
    tags = {path: one[0] for path, one in sums.items() if path not in payload}
    tags |= {path: sha256_of(folder / path) for path in texts}
    write_whole(folder / "tagmanifest-sha256.txt", io.BytesIO(sha256sums(tags.items())))
    return {path: sha256_of(folder / path) for path in (*texts, "tagmanifest-sha256.txt")}
