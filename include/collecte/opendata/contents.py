"""What an Open Data package holds and says of itself: the one description that every metadata standard writes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["string", "integer", "number"]


@dataclass(frozen=True)
class Column:
    """A column of a table; a column whose every value is a whole number is ``integer``."""

    name: str
    type: ColumnType


@dataclass(frozen=True)
class TableInfo:
    """A table of the package: ``path`` of its CSV and ``parquet`` of the same rows, in the package; SHA-256 (hex) and
    size (bytes) of both.
    """

    name: str
    path: str
    parquet: str
    columns: tuple[Column, ...]
    rows: int
    sha256: str
    size: int
    parquet_sha256: str
    parquet_size: int


@dataclass(frozen=True)
class Contents:
    """An Open Data package in words and figures. Nothing here names a patient, and the centres stand by their number.

    ``figures``: what there is, in counts (French, English, count); ``coarser``: what was made less precise (French,
    English); ``replaces``: the digest that this version had before a recall; ``release``: digest of the release that it
    is made of; ``published``: year; ``bytes``: of the files.
    """

    challenge: str
    version: str
    title_fr: str
    title_en: str
    society: str
    contact: str
    licence: str
    ethics: str
    url: str
    publisher: str
    published: int
    release: str
    replaces: str
    centres: int
    cases: Mapping[str, int]
    files: int
    bytes: int
    label: str
    figures: Sequence[tuple[str, str, int]]
    coarser: Sequence[tuple[str, str]]
    k: int
    tables: Sequence[TableInfo]

    @property
    def name(self) -> str:
        """``cervix-2027-v1``."""
        return f"{self.challenge}-{self.version}"

    @property
    def subjects(self) -> int:
        return sum(self.cases.values())

    @property
    def licence_url(self) -> str:
        """Where the licence's text stands."""
        return f"https://spdx.org/licenses/{self.licence}.html"

    @property
    def description_en(self) -> str:
        return (
            f"{self.title_en}. Medical data of {self.subjects} cases from {self.centres} centres, pseudonymised, "
            f"collected for a data challenge of {self.society}; with the ground truth and the challenge's split."
        )
