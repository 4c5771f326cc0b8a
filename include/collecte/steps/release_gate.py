"""What must hold before a release leaves, and what those who approve are shown of it."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collecte.catalogue import PackageRow, centres_of_package, counts_of, deliveries_of, ensure_centre
from collecte.catalogue.recalls import PENDING, recalls_of
from collecte.disclosure import measure
from collecte.errors import NeedsPerson
from collecte.findings import Finding
from collecte.gates import Check, as_markdown, competition_gate, region_check
from collecte.package import digest_of
from collecte.release import read_assignment, verify
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.decisions import Question, approval_questions
from collecte.steps.release_making import rules_of
from collecte.steps.scan_rules import scan_rules

if TYPE_CHECKING:
    import pandas as pd


def release_gate(site: ChallengeSite, label: str, *, read: bool = True) -> tuple[Check, ...]:
    """What must hold before a release leaves, as one table; a check that does not hold keeps it in.

    ``read``: whether every file of it is read anew; whoever sends them compares each with its sum as it goes.

    Raises:
        NeedsPerson: there is no such release, or it is not frozen.
    """
    package = frozen(site, label)
    folder = site.folder(package)
    if broken := broken_files(package, folder, read=read):
        changed = Finding("GATE-RELEASE-CHANGED", broken[0])
        return (Check("La version est celle qui a été figée.", "The release is what was frozen.", (changed,)),)
    certificate = json.loads((folder / "certificate.json").read_bytes())
    about = json.loads((folder / "release.json").read_bytes())
    return (
        Check("La version est celle qui a été figée.", "The release is what was frozen.", (), str(package.digest)[:16]),
        _agreements(site, package),
        *_regions(site, package),
        recalls_check(site),
        homogeneity_check(about),
        scans_check(site),
        _split(certificate),
        _disclosure(site, folder),
    )


def release_questions(site: ChallengeSite, label: str) -> tuple[Question, Question]:
    """What the coordinator and the data-protection officer are asked, over the release's digest.

    Raises:
        NeedsPerson: there is no such release, or it is not frozen.
    """
    package = frozen(site, label)
    text = _text(site, package, release_gate(site, label))
    return approval_questions(
        package, f"{site.challenge.id} {label} : envoyer aux plateformes ? / Send to the hosts?", text
    )


def frozen(site: ChallengeSite, label: str) -> PackageRow:
    """The release of that name.

    Raises:
        NeedsPerson: there is none, or it is not frozen.
    """
    package = site.package("release", label)
    if package.state != "frozen":
        raise NeedsPerson(f"{package.about} is not frozen.", "let its run end first.")
    return package


def broken_files(package: PackageRow, folder: Path, *, read: bool = True) -> list[str]:
    """What is no longer as it was frozen, a sentence each; empty where all is. ``read``: by reading all of it."""
    if read and (broken := verify(folder, None)):
        return broken
    return [] if digest_of(folder) == package.digest else ["SHA256SUMS has other content"]


def _agreements(site: ChallengeSite, package: PackageRow) -> Check:
    centres = {one.centre for one in read_assignment(site.keys, site.hidden(package))}
    found = competition_gate(site.challenge, centres, datetime.now(UTC).date())
    return Check(
        "La convention de chaque centre permet la compétition.",
        "Every centre's agreement allows the competition.",
        found,
        ", ".join(sorted(centres)),
    )


def _regions(site: ChallengeSite, package: PackageRow) -> tuple[Check, ...]:
    with site.catalogue.read() as connection:
        centres = centres_of_package(connection, package.id)
    return tuple(region_check(site.challenge, centres, one) for one in rules_of(site).destinations)


def recalls_check(site: ChallengeSite) -> Check:
    """No recall is still to be carried out."""
    with site.catalogue.read() as connection:
        pending = len(recalls_of(connection, site.challenge.id, *PENDING))
    found = (Finding("GATE-RECALL-PENDING", count=pending),) if pending else ()
    return Check("Aucune opposition n'attend.", "No opposition is pending.", found)


def homogeneity_check(about: dict[str, Any]) -> Check:
    """Homogeneity as it was when the release was frozen: nothing is, unless it holds or was decided. ``about``: its
    ``release.json``.
    """
    said = about["homogeneity"]
    left_out = [*said["left_out_centres"], *said["left_out_facts"]]
    shown = f"{said['verdict']}{', décision / decided' if said['accepted_by_decision'] else ''}"
    shown += f" ; sans / without: {', '.join(left_out)}" if left_out else ""
    return Check("Les données des centres vont ensemble.", "The centres' data belong together.", (), shown)


def scans_check(site: ChallengeSite) -> Check:
    """Every delivery that is at the HDH was made safe and scanned by the rules as they are now."""
    rules, old, all_ = scan_rules(site.challenge), 0, 0
    with site.catalogue.transaction() as connection:
        for centre in site.challenge.centres:
            for delivery in deliveries_of(connection, ensure_centre(connection, site.challenge.id, centre.id)):
                if delivery.state == "shipped":
                    all_ += 1
                    old += (counts_of(connection, delivery.id, "group") or {}).get("rules") != rules
    found = (Finding("GATE-SCAN-OLDER-THAN-RULES", count=old),) if old else ()
    return Check(
        "Chaque dépôt a été vérifié avec les règles d'aujourd'hui.",
        "Every delivery was scanned by today's rules.",
        found,
        f"{all_ - old}/{all_}",
    )


def _split(certificate: dict[str, Any]) -> Check:
    found = tuple(Finding(one["code"], one["place"], one["count"]) for one in certificate["findings"])
    cases = {part: figures["cases"] for part, figures in certificate["parts"].items()}
    shown = ", ".join(f"{part} {count}" for part, count in cases.items())
    return Check(
        "Rien ne passe d'une partie à l'autre, et chaque partie peut être évaluée.",
        "Nothing crosses from one part into another, and each part can be scored.",
        found,
        f"{shown} ; {certificate['files']} relus / read again",
    )


def _disclosure(site: ChallengeSite, folder: Path) -> Check:
    rules = rules_of(site)
    quasi = [one.column for one in rules.quasi_identifiers]
    risk = measure(frame_of_cases(folder, quasi), quasi, rules.k)
    shown = f"k = {risk.k}, {risk.classes} classes, {len(risk.rare)} / {risk.subjects} rares / rare"
    return Check(
        "Le risque de réidentification est mesuré (il informe, il ne rend rien anonyme).",
        "The risk of re-identification was measured (it informs; it makes nothing anonymous).",
        risk.findings,
        f"{shown} ({', '.join(quasi) or '–'})",
    )


def frame_of_cases(folder: Path, columns: list[str]) -> "pd.DataFrame":
    """A row for each case: the first value that its tables have of each column."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(folder.glob("*/tables/*.csv")):
        for row in _rows(path):
            mine = found.setdefault(row["case"], {})
            for column in columns:
                if row.get(column):
                    mine.setdefault(column, row[column])
    import pandas as pd  # a tenth of a second that most steps need not pay

    return pd.DataFrame.from_dict(found, orient="index", columns=columns)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


def _text(site: ChallengeSite, package: PackageRow, checks: tuple[Check, ...]) -> str:
    """The gate's table and the certificate's figures, French first."""
    lines = [as_markdown(checks), ""]
    path = site.folder(package) / "certificate.json"
    if path.exists():
        certificate = json.loads(path.read_bytes())
        lines += ["", "| Le certificat | The certificate | |", "|---|---|---|"]
        lines += [f"| {fr} | {en} | {shown} |" for fr, en, shown in _figures(certificate)]
    hosts = ", ".join(f"{one.id} ({one.region})" for one in rules_of(site).destinations)
    lines += ["", f"Destinataires / Recipients: {hosts or '–'}", "", f"Empreinte / Digest: `{package.digest}`"]
    return "\n".join(lines)


def _figures(certificate: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    words = {
        "label_cramers_v": ("Étiquette et parties (V de Cramér)", "Label and parts (Cramér's V)"),
        "centre_cramers_v": ("Centre et parties (V de Cramér)", "Centre and parts (Cramér's V)"),
        "bytes_mean_difference": ("Taille (différence moyenne standardisée)", "Size (standardised mean difference)"),
    }
    for name, (fr, en) in words.items():
        yield fr, en, f"{certificate['balance'][name]:.2f}"
    what = {"size": ("La taille trahit", "Size"), "headers": ("Les en-têtes trahissent", "Headers")}
    of = {"label": ("l'étiquette", "the label"), "centre": ("le centre", "the centre")}
    for one in certificate["giveaway"]:
        (fr, en), (of_fr, of_en) = what[one["what"]], of[one["of"]]
        auc = "–" if one["auc"] is None else f"{one['auc']:.2f}"
        yield f"{fr} {of_fr} (AUC)", f"{en} giving away {of_en} (AUC)", auc
