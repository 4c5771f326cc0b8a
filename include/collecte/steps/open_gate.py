"""What must hold before data become public, and what the two who approve are asked."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime

from collecte.catalogue import PackageRow, packages_of
from collecte.challenge import Centre
from collecte.disclosure import Generalised, generalise
from collecte.errors import NeedsPerson
from collecte.findings import Finding
from collecte.gates import Check, as_markdown
from collecte.opendata import is_spdx
from collecte.package import differences, digest_of
from collecte.release import read_assignment
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.decisions import Question, approval_questions
from collecte.steps.release_gate import (
    broken_files,
    frame_of_cases,
    frozen,
    homogeneity_check,
    recalls_check,
    scans_check,
)
from collecte.steps.release_making import rules_of

#: The purpose that an agreement must cover.
_PURPOSE = "open_data"


def open_gate(site: ChallengeSite, release: str) -> tuple[Check, ...]:
    """What must hold before a release becomes public, as one table; each finding stands until it is met.

    Raises:
        NeedsPerson: there is no such release, or it is not frozen.
    """
    package = frozen(site, release)
    folder = site.folder(package)
    if broken := broken_files(package, folder):
        changed = Finding("GATE-RELEASE-CHANGED", broken[0])
        return (Check("La version est celle qui a été figée.", "The release is what was frozen.", (changed,)),)
    about = json.loads((folder / "release.json").read_bytes())
    today = datetime.now(UTC).date()
    coarser = generalised(site, package)
    return (
        Check("La version est celle qui a été figée.", "The release is what was frozen.", (), str(package.digest)[:16]),
        _embargo(site.challenge.dates.embargo, today),
        _agreements(site, package, today),
        recalls_check(site),
        _licence(site.challenge.licence),
        _ethics(site.challenge.ethics),
        homogeneity_check(about),
        scans_check(site),
        _disclosure(coarser),
    )


def open_questions(site: ChallengeSite, label: str) -> tuple[Question, Question]:
    """What the coordinator and the data-protection officer are asked, over the package's digest.

    Raises:
        NeedsPerson: there is no such package, or it is not made.
    """
    package = site.package("open", label)
    if package.state != "frozen":
        raise NeedsPerson(f"{package.about} is not made.", "let its run end first.")
    text = _text(site, package)
    return approval_questions(
        package, f"{site.challenge.id} {label} : publier en Open Data ? / Publish as Open Data?", text
    )


def generalised(site: ChallengeSite, package: PackageRow) -> Generalised:
    """The quasi-identifiers of a release's cases, made coarser as far as the challenge's k asks."""
    rules = rules_of(site)
    columns = [one.column for one in rules.quasi_identifiers]
    return generalise(frame_of_cases(site.folder(package), columns), rules.quasi_identifiers, rules.k)


def release_of(site: ChallengeSite, package: PackageRow) -> PackageRow:
    """The release that an Open Data package is made of."""
    with site.catalogue.read() as connection:
        return next(r for r in packages_of(connection, site.challenge.id, "release") if r.id == package.release_id)


def require_unchanged(site: ChallengeSite, package: PackageRow) -> None:
    """Stop where a file of a made package is no longer what was made.

    Raises:
        NeedsPerson: it names the file.
    """
    folder = site.folder(package)
    broken = next(differences(folder), None) or ("" if digest_of(folder) == package.digest else "SHA256SUMS differs")
    if broken:
        raise NeedsPerson(
            f"{package.about} is no longer what was made and approved: {broken}.",
            "put its folder back from the backup; nothing was sent.",
        )


def _embargo(until: date, today: date) -> Check:
    found = () if today >= until else (Finding("OPEN-EMBARGO", values={"until": until.isoformat()}),)
    return Check("L'embargo est passé.", "The embargo is over.", found, until.isoformat())


def _agreements(site: ChallengeSite, package: PackageRow, today: date) -> Check:
    centres = {one.centre for one in read_assignment(site.keys, site.hidden(package))}
    found = tuple(
        Finding("OPEN-PURPOSE-NOT-COVERED", values={"centre": centre.id})
        for centre in _of(site.challenge.centres, centres)
        if not _covers(centre, today)
    )
    return Check(
        "La convention de chaque centre permet la publication.",
        "Every centre's agreement covers open publication.",
        found,
        ", ".join(sorted(centres)),
    )


def _of(centres: Iterable[Centre], ids: set[str]) -> list[Centre]:
    return [centre for centre in centres if centre.id in ids]


def _covers(centre: Centre, today: date) -> bool:
    agreement = centre.agreement
    if agreement.signed is None or agreement.ends is None:
        return False
    return _PURPOSE in agreement.purposes and agreement.signed <= today <= agreement.ends


def _licence(licence: str | None) -> Check:
    found = () if licence and is_spdx(licence) else (Finding("OPEN-LICENCE-MISSING"),)
    return Check("Une licence est donnée.", "A licence is given.", found, licence or "–")


def _ethics(ethics: str | None) -> Check:
    found = () if ethics else (Finding("OPEN-ETHICS-MISSING"),)
    return Check("Un avis éthique est donné.", "An ethics reference is given.", found, ethics or "–")


def _disclosure(coarser: Generalised) -> Check:
    shown = f"k = {coarser.before.k} → {coarser.after.k} ; {len(coarser.before.rare)} rares / rare"
    said = "; ".join(f"{step.fr} / {step.en}" for step in coarser.steps)
    return Check(
        "Assez de personnes partagent chaque combinaison de caractéristiques (cela informe, et ne rend rien anonyme).",
        "Enough subjects share each combination of characteristics (it informs, and makes nothing anonymous).",
        coarser.findings,
        f"{shown} ; {said}" if said else shown,
    )


def _text(site: ChallengeSite, package: PackageRow) -> str:
    release = release_of(site, package)
    place = site.challenge.open_data
    lines = [
        as_markdown(open_gate(site, release.label)),
        "",
        f"Version / Release: {release.label} (`{str(release.digest)[:16]}`)",
        f"Destination: {place.url if place else '–'}",
        "",
        "Ce qui est publié peut être copié par tous et ne revient pas. / What is published can be copied by anybody, "
        "and does not come back.",
        "",
        f"Empreinte / Digest: `{package.digest}`",
    ]
    return "\n".join(lines)
