"""Findings: what is wrong with one file or one delivery, for somebody outside to read and mend.

Each room keeps its own findings as data, ``findings.yaml`` beside its code: code, severity, scope, both languages,
the remedy. An unknown code or a placeholder that the registry does not declare is a :class:`~collecte.errors.Bug`, and
fails the build. Placeholders are typed so that none can carry an identifier: a number, a keyword or UID of a standard,
a catalogue id, or a word of the challenge file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from collecte.errors import Bug

Severity = Literal["incident", "refused", "warning", "info"]
Scope = Literal["file", "object", "delivery", "centre"]
Language = Literal["fr", "en"]

#: Roots of makers of devices, under which they number object types of their own: GE, Siemens, Philips, Canon (Toshiba),
#: Fujifilm, Agfa, Hologic.
MAKERS = (
    *("1.2.840.113619", "1.3.12.2.1107", "1.3.46.670589", "1.2.392.200036.9116", "1.2.392.200036.9125"),
    *("1.3.51.0", "1.2.840.113681"),
)
#: What a placeholder may hold, by its declared type. Nothing that a centre typed fits any of them by accident.
PLACEHOLDER_TYPES: Mapping[str, re.Pattern[str]] = {
    "number": re.compile(r"-?\d+([.,]\d+)?"),
    "keyword": re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}|\([0-9A-Fa-f]{4},[0-9A-Fa-fxX]{4}\)|\d{1,5}"),
    "uid": re.compile(rf"1\.2\.840\.10008(\.\d{{1,4}})+|{'|'.join(map(re.escape, MAKERS))}|\?", re.ASCII),
    "id": re.compile(r"[a-z][a-z0-9_-]*|[fdos]\d+"),
    "date": re.compile(r"\d{4}-\d{2}-\d{2}"),
}


@dataclass(frozen=True)
class Rule:
    """One registered kind of finding. ``fr``, ``en`` and the remedies are templates over ``placeholders``."""

    code: str
    severity: Severity
    scope: Scope
    origin: str
    fr: str
    en: str
    remedy_fr: str
    remedy_en: str
    placeholders: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """One thing wrong. ``place`` is non-identifying (a tag, ``column 3``, ``row 12``); ``count``: how often."""

    code: str
    place: str = ""
    count: int = 1
    values: Mapping[str, str | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        declared = rule(self.code).placeholders
        if set(self.values) != set(declared):
            raise Bug(f"Finding {self.code} takes {sorted(declared)}, got {sorted(self.values)}.")
        for name, value in self.values.items():
            if not PLACEHOLDER_TYPES[declared[name]].fullmatch(str(value)):
                raise Bug(f"Finding {self.code}: the value of {name!r} is no {declared[name]}.")

    @property
    def severity(self) -> Severity:
        return rule(self.code).severity

    @property
    def refuses(self) -> bool:
        """Whether the file (or delivery) that it names goes to quarantine."""
        return self.severity in ("incident", "refused")

    def text(self, language: Language) -> str:
        """The message in one language."""
        template = rule(self.code).fr if language == "fr" else rule(self.code).en
        return template.format(**self.values, count=self.count, place=self.place)

    def remedy(self, language: Language) -> str:
        """What to do about it: the screen, the button, the person."""
        template = rule(self.code).remedy_fr if language == "fr" else rule(self.code).remedy_en
        return template.format(**self.values, count=self.count, place=self.place)


def refused(findings: tuple[Finding, ...] | list[Finding]) -> bool:
    """Whether any of the findings sends its file to quarantine."""
    return any(finding.refuses for finding in findings)


def rule(code: str) -> Rule:
    """The registered rule.

    Raises:
        Bug: the code is in no ``findings.yaml``.
    """
    try:
        return registry()[code]
    except KeyError:
        raise Bug(f"Finding {code} is in no findings.yaml.") from None


@cache
def registry() -> Mapping[str, Rule]:
    """Every rule of every room, by code.

    Raises:
        Bug: a file is malformed, or two files declare one code.
    """
    rules: dict[str, Rule] = {}
    for path in sorted(Path(__file__).parent.glob("**/findings.yaml")):
        for code, entry in yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader).items():
            if code in rules:
                raise Bug(f"Finding {code} is declared twice; the second time in {path.parent.name}.")
            try:
                rules[code] = Rule(
                    code=code,
                    severity=entry["severity"],
                    scope=entry["scope"],
                    origin=entry["origin"],
                    fr=entry["fr"],
                    en=entry["en"],
                    remedy_fr=entry["remedy"]["fr"],
                    remedy_en=entry["remedy"]["en"],
                    placeholders=entry.get("placeholders", {}),
                )
            except KeyError as missing:
                raise Bug(f"Finding {code} in {path.parent.name}/findings.yaml lacks {missing}.") from None
    return rules
