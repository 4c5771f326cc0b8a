"""Small challenges, invented: subjects with images of a few bytes and rows of a table, frozen as the steps do."""

import csv
import hashlib
import io
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from collecte.findings import Finding
from collecte.package import as_json, public_key_text, sha256_of
from collecte.pseudonym import ReleaseIds
from collecte.records import Fact
from collecte.release import (
    PARTS,
    Assigned,
    Member,
    Part,
    Source,
    Tables,
    add_document,
    certificate,
    groups,
    page,
    release_name,
    reread,
    scratch,
    seal_tree,
    seed_of,
    share_out,
    write_tree,
)

SHARES: Mapping[Part, float] = {"train": 0.6, "public_test": 0.2, "private_test": 0.2}
SIGNING = Ed25519PrivateKey.from_private_bytes(bytes(32))
TABLES = Tables("diagnosis", "subject", frozenset({"diagnosis", "comment"}), ["age", "diagnosis", "family"])
SECRET = bytes(range(32))


@dataclass(frozen=True)
class Small:
    """A challenge: subjects with centre, label, family and the pixels of each image."""

    subjects: Sequence[str]
    centres: Mapping[str, str]
    labels: Mapping[str, str]
    families: Mapping[str, str] = field(default_factory=dict)
    pixels: Mapping[str, Sequence[bytes]] = field(default_factory=dict)


def some(seed: int) -> Small:
    """A random small challenge; some subjects share a family, some the pixels of an image."""
    chance = random.Random(seed)
    subjects = [f"sub-{number:04d}" for number in range(chance.randint(9, 24))]
    kinds, centres = chance.randint(2, 3), chance.randint(1, 4)
    families = {who: f"fam{chance.randint(0, len(subjects))}" for who in subjects if chance.random() < 0.3}
    shared = [bytes([number]) for number in range(4)]
    pixels = {
        who: [
            chance.choice(shared) if chance.random() < 0.1 else f"{who} {number}".encode()
            for number in range(chance.randint(1, 2))
        ]
        for who in subjects
    }
    return Small(
        subjects,
        {who: f"centre{chance.randrange(centres)}" for who in subjects},
        {who: f"label{chance.randrange(kinds)}" for who in subjects if chance.random() < 0.95},
        families,
        pixels,
    )


def linked(small: Small) -> list[list[str]]:
    """Who may not be parted, said by brute force: each family, and each image that stands twice."""
    of: dict[object, list[str]] = {}
    for who, family in small.families.items():
        of.setdefault(family, []).append(who)
    for who, images in small.pixels.items():
        for image in set(images):
            of.setdefault(image, []).append(who)
    return [found for found in of.values() if len(found) > 1]


def assign(
    small: Small, fixed: Mapping[str, Part] | None = None, shares: Mapping[Part, float] = SHARES, secret: bytes = SECRET
) -> tuple[list[Assigned], Sequence[Finding]]:
    """Share a challenge out, with the findings."""
    group = groups(small.subjects, linked(small))
    members = [Member(who, group[who], small.centres[who], small.labels.get(who, "")) for who in small.subjects]
    shared = share_out(members, shares, seed_of(secret), fixed or {})
    ids = ReleaseIds(secret)
    assigned = [
        Assigned(ids.case(who), who, small.centres[who], shared.parts[who], small.labels.get(who, ""))
        for who in small.subjects
        if who in shared.parts
    ]
    return assigned, shared.findings


def describe(kind: str, path: Path) -> Mapping[str, Fact]:
    """The facts of an image of ours: the pixels are all of it."""
    return {"rows": len(path.read_bytes()), "pixel_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def freeze(
    small: Small,
    assigned: Sequence[Assigned],
    folder: Path,
    findings: Sequence[Finding] = (),
    secret: bytes = SECRET,
    version: str = "v1",
) -> list[str]:
    """Freeze a challenge into ``folder``; what crosses, as it was read again."""
    ids = ReleaseIds(secret)
    about = {"challenge": "small", "version": version, "label": "diagnosis", "groups": ["family"], "replaces": None}
    about["hidden_in_test"] = ["comment", "diagnosis"]
    origins = folder.with_name(f"{folder.name}.origins")
    origins.mkdir()
    with scratch(folder.with_name(f"{folder.name}.hidden") / "scratch.1") as rows:
        rows.add_rows("clinical", ["age", "comment", "diagnosis", "family"], _rows(small, ids))
        write_tree(folder, about, assigned, _sources(small, ids, origins), _copy, rows, TABLES)
        read = reread(folder, {one.case: one.part for one in assigned}, ["family"], describe)
        sums = {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in ("files.csv", "release.json", "train/labels.csv")
        }
        content = certificate(about, assigned, secret, read, findings, sums)
        add_document(folder, "certificate.json", as_json(content), rows)
        add_document(folder, "certificate.html", page(content), rows)
        seal_tree(folder, rows, SIGNING)
    return list(read.crossings)


def key_file(folder: Path) -> Path:
    """The signer's public key, got another way."""
    path = folder / "key.pub"
    path.write_text(public_key_text(SIGNING))
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))


def parts_of(assigned: Sequence[Assigned]) -> dict[str, Part]:
    return {one.subject: one.part for one in assigned}


def all_parts(assigned: Sequence[Assigned]) -> bool:
    """Whether no part is empty."""
    return {one.part for one in assigned} == set(PARTS)


def _rows(small: Small, ids: ReleaseIds) -> Iterator[tuple[str, list[str]]]:
    for who in small.subjects:
        yield (
            ids.case(who),
            [str(30 + len(who)), "rien à signaler", small.labels.get(who, ""), small.families.get(who, "")],
        )


def _sources(small: Small, ids: ReleaseIds, origins: Path) -> Iterator[Source]:
    for who, images in small.pixels.items():
        for number, image in enumerate(images):
            origin = origins / f"{who}-{number}"
            origin.write_bytes(image)
            case = ids.case(who)
            name = release_name(ids, case, f"{who}/2.25.1/2.25.{number}.img")
            yield Source(1, case, "image", who, name, origin, hashlib.sha256(image).hexdigest())


def _copy(source: Source, target: Path) -> str:
    target.write_bytes(source.origin.read_bytes())
    return sha256_of(target)
