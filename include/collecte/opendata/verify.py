"""Is a package whole, signed, and a bag? Needs nothing but its folder, and says what is broken with the file's name."""

from collections.abc import Iterator
from pathlib import Path

from collecte.errors import NeedsPerson
from collecte.opendata.documents import DOCUMENTS
from collecte.package import SUMS_NAME, differences, read_sums, verify_signature

_TAGS = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt")


def verify(folder: Path, public_key: Path | None) -> list[str]:
    """What is wrong with a package, a sentence each; empty where all holds.

    ``public_key``: the file of the key that it must be signed with. None: the package's own copy, which proves that it
    is whole, not where it comes from.
    """
    if not (folder / SUMS_NAME).is_file():
        return [f"{SUMS_NAME} is missing: {folder} is no package, or not a whole one"]
    try:
        broken = list(differences(folder))
    except NeedsPerson as error:
        return [error.what]
    return [*verify_signature(folder, public_key), *broken, *_documents(folder), *_bag(folder)]


def _documents(folder: Path) -> Iterator[str]:
    for name in (*DOCUMENTS, *_TAGS):
        if not (folder / name).is_file():
            yield f"{name} is missing"


def _bag(folder: Path) -> Iterator[str]:
    """The bag's own manifests say what ``SHA256SUMS`` says."""
    sums = read_sums((folder / SUMS_NAME).read_bytes())
    for name, payload in (("manifest-sha256.txt", True), ("tagmanifest-sha256.txt", False)):
        path = folder / name
        if not path.is_file():
            continue
        try:
            listed = read_sums(path.read_bytes())
        except NeedsPerson:
            yield f"{name} is malformed"
            continue
        wrong = sorted(key for key, digest in listed.items() if sums.get(key) != digest)
        lacking = sorted(key for key in sums if payload and key.startswith("data/") and key not in listed)
        yield from (f"{name} says otherwise of {key}" for key in wrong)
        yield from (f"{name} does not list {key}" for key in lacking)
