"""A small invented package: two tables, an image of a few bytes, all documents."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from collecte.opendata import Contents, TableInfo, complete, write_table
from collecte.package import public_key_text

SIGNING = Ed25519PrivateKey.from_private_bytes(bytes(32))
IMAGE = b"pixels of nobody"
IMAGE_PATH = "data/files/case-1/object-1/1.dcm"

_CASES = [["case-1", "private_test", "CIN2", "30", "0075", "1.5"], ["case-2", "train", "CIN1", "40", "0034", ""]]


def contents(tables: Sequence[TableInfo] = (), title: str = "Lésions du col") -> Contents:
    """What the package says of itself."""
    return Contents(
        challenge="col-2027",
        version="v1",
        title_fr=title,
        title_en="Cervical lesions",
        society="Société imaginaire",
        contact="contact@donnees.example",
        licence="CC-BY-4.0",
        ethics="Avis imaginaire 2026-00",
        url="https://donnees.example/col-2027",
        publisher="Health Data Hub",
        published=2027,
        release="ab" * 32,
        replaces="",
        centres=2,
        cases={"private_test": 1, "train": 1},
        files=1,
        bytes=len(IMAGE),
        label="diagnosis",
        figures=[("séries", "series", 1)],
        coarser=[("âge par 10", "age by 10")],
        k=2,
        tables=tables,
    )


def make(folder: Path, title: str = "Lésions du col") -> str:
    """Make the package below ``folder``; its digest."""
    image = folder / IMAGE_PATH
    image.parent.mkdir(parents=True)
    image.write_bytes(IMAGE)
    digest = hashlib.sha256(IMAGE).hexdigest()
    header = ["case", "part", "diagnosis", "age", "postcode", "dose"]
    listed = [[IMAGE_PATH, "case-1", "private_test", "dicom", str(len(IMAGE)), digest]]
    tables = [
        write_table(folder, "cases", header, _CASES),
        write_table(folder, "files", ["path", "case", "part", "kind", "size", "sha256"], listed),
    ]
    payload = {IMAGE_PATH: (digest, len(IMAGE))}
    for table in tables:
        payload |= {
            table.path: (table.sha256, table.size),
            table.parquet: (table.parquet_sha256, table.parquet_size),
        }
    return complete(folder, contents(tables, title), payload, SIGNING)


def key_file(folder: Path) -> Path:
    """The signer's public key, got another way."""
    path = folder / "key.pub"
    path.write_text(public_key_text(SIGNING))
    return path
