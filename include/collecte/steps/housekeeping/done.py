"""What came of a chore, in words that name no patient and no file of a centre."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from collecte.findings import Finding


@dataclass(frozen=True)
class Notice:
    """Something that a person should know: ``about`` is a centre, a delivery or a zone (``demo/arvel/d0003``)."""

    about: str
    finding: Finding

    def __str__(self) -> str:
        found = self.finding
        return f"{self.about}: {found.code}: {found.text('en')} To do: {found.remedy('en')}"


@dataclass(frozen=True)
class Done:
    """Counts, what to know, and ``said``: a line for people, such as the head of an audit chain."""

    counts: Mapping[str, int] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    said: str = ""
