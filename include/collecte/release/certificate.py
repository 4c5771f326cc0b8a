"""The certificate of a release: what was checked of it, for those who get it to read and to check again."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from collecte.findings import Finding
from collecte.release.crossing import Reread, Seen
from collecte.release.split import strata
from collecte.release.vault import Assigned, salt_of, seed_of

#: What holds by how a release is made, and is not measured.
CONSTRUCTION = {
    "fr": "Les identifiants, et avec eux les noms et l'ordre des fichiers et des lignes, dépendent d'un secret gardé "
    "au coffre et de rien d'autre ; tous les fichiers portent la même date. Noms, ordre et dates ne disent donc rien "
    "ni de l'étiquette ni du centre.",
    "en": "Ids, and with them the names and the order of files and rows, depend on a secret that is kept in the vault, "
    "and on nothing else; all files bear the same time. So names, order and times tell nothing of label or centre.",
}
METHOD = "StratifiedGroupKFold (scikit-learn) over groups (union-find), by label and centre, seeded from the vault"


def certificate(
    about: Mapping[str, Any],
    assigned: Sequence[Assigned],
    secret: bytes,
    read: Reread,
    findings: Sequence[Finding],
    sums: Mapping[str, str],
) -> dict[str, Any]:
    """What ``certificate.json`` says. ``sums``: SHA-256 (hex) of the lists that it certifies, by name.

    It tells no case and no label of a test set: of labels, effect sizes alone.
    """
    from collecte.release.figures import balance  # pandas, SciPy and scikit-learn, which only a freeze need load

    cases = [one for one in assigned if one.case in read.cases]
    seen = [read.cases[one.case] for one in cases]
    parts = [one.part for one in cases]
    labels, centres = [one.label for one in cases], [one.centre for one in cases]
    return {
        "challenge": about["challenge"],
        "version": about["version"],
        "replaces": about.get("replaces"),
        "sums": dict(sums),
        "parts": {part: _counted(part, cases, seen) for part in ("train", "public_test", "private_test")},
        "files": read.files,
        "crossings": list(read.crossings),
        "never_parted": ["subject", "object", "pixels", *about.get("groups", ())],
        "balance": dict(balance(parts, _strata(labels), centres, [float(one.bytes) for one in seen])),
        "balance_of_tests": _of_tests(cases, seen),
        "giveaway": _giveaways(cases, seen),
        "by_construction": CONSTRUCTION,
        "method": METHOD,
        "seed_commitment": commitment(secret),
        "findings": [{"code": one.code, "place": one.place, "count": one.count} for one in findings],
    }


def commitment(secret: bytes) -> str:
    """SHA-256 (hex) of the split's seed and a salt: shown later, both prove that the seed was chosen before."""
    return hashlib.sha256(seed_of(secret) + salt_of(secret)).hexdigest()


def page(content: Mapping[str, Any]) -> bytes:
    """The certificate as a page, in French and in English; it loads nothing and runs nothing."""
    findings = [Finding(one["code"], one["place"], one["count"]) for one in content["findings"]]
    text = _environment().get_template("certificate.html.jinja").render(c=content, findings=findings)
    return text.encode()


def _counted(part: str, cases: Sequence[Assigned], seen: Sequence[Seen]) -> dict[str, int]:
    mine = [found for one, found in zip(cases, seen, strict=True) if one.part == part]
    return {"cases": len(mine), "files": sum(one.files for one in mine), "bytes": sum(one.bytes for one in mine)}


def _of_tests(cases: Sequence[Assigned], seen: Sequence[Seen]) -> dict[str, float]:
    """Public against private test, rounded to a tenth, so that nothing can be told back from it."""
    from collecte.release.figures import balance, mean_difference

    tests = [(one, found) for one, found in zip(cases, seen, strict=True) if one.part != "train"]
    parts = [one.part for one, _ in tests]
    sizes = [float(found.bytes) for _, found in tests]
    figures = balance(parts, _strata([one.label for one, _ in tests]), [one.centre for one, _ in tests], sizes)
    difference = mean_difference(sizes, [part == "public_test" for part in parts])
    return {name: round(value, 1) for name, value in {**figures, "bytes_mean_difference": difference}.items()}


def _giveaways(cases: Sequence[Assigned], seen: Sequence[Seen]) -> list[dict[str, Any]]:
    """AUC of sizes and of header facts, against the label and against the centre."""
    from collecte.release.figures import giveaway, header_features, size_features

    found = []
    for what, features in (("size", size_features), ("headers", header_features)):
        for of in ("label", "centre"):
            mine = [(one, was) for one, was in zip(cases, seen, strict=True) if was.files and getattr(one, of)]
            classes = [getattr(one, of) for one, _ in mine]
            classes = _strata(classes) if of == "label" else classes
            auc = giveaway(features([was for _, was in mine]), classes)
            found.append({"what": what, "of": of, "auc": auc, "cases": len(mine)})
    return found


def _strata(labels: Sequence[str]) -> list[str]:
    """As :func:`strata`, with what has no label left as it is."""
    given = iter(strata([label for label in labels if label]))
    return [next(given) if label else "" for label in labels]


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
