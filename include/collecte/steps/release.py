"""Curated → release, release → vault: start a version, freeze it, show it to those who approve, make it anew after a
recall, discard it.
"""

import shutil
from pathlib import Path

from collecte.catalogue import discard_package, new_package, packages_of
from collecte.errors import NeedsPerson
from collecte.release import diff, verify
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.homogeneity import homogeneity_now
from collecte.steps.release_freeze import freeze_release, inputs_of, links_of
from collecte.steps.release_gate import release_gate, release_questions
from collecte.steps.release_making import drop_replaced, making_folders, rules_of
from collecte.steps.release_remake import remake_release

__all__ = [
    "diff_releases",
    "discard_release",
    "freeze_release",
    "release_gate",
    "release_questions",
    "remake_release",
    "start_release",
    "verify_release",
]


def start_release(site: ChallengeSite) -> str:
    """Begin a version of what is accepted now, such as ``v1``; or the one that is being made, or was made, of it.

    Raises:
        NeedsPerson: another version is in the making of other inputs; homogeneity is not decided; there is nothing to
            release, or no ``release`` in the challenge file.
    """
    rules_of(site)
    state = homogeneity_now(site)
    if not state.open:
        raise NeedsPerson(
            "Whether the centres' data belong together is red or not judged, and nobody decided.",
            "let the homogeneity run end; the coordinator answers its question under Required Actions.",
        )
    if not links_of(site, state).centres:
        raise NeedsPerson(
            f"Nothing of {site.challenge.id} is accepted and at the HDH.", "let the collect and ship runs end first."
        )
    inputs = inputs_of(site, state)
    with site.catalogue.transaction() as connection:
        for package in packages_of(connection, site.challenge.id, "release"):
            if package.state == "frozen" and package.inputs == inputs:
                return package.label
        return new_package(connection, site.challenge.id, "release", inputs).label


def discard_release(site: ChallengeSite, label: str) -> None:
    """Forget a version that was never frozen, with what was made of it and its vault.

    Raises:
        NeedsPerson: it is frozen.
    """
    package = site.package("release", label)
    with site.catalogue.transaction() as connection:
        discard_package(connection, package)
    final = site.folder(package)
    for folder in (final, *making_folders(final), site.hidden(package)):
        shutil.rmtree(folder, ignore_errors=True)
    drop_replaced(final)


def verify_release(folder: Path, public_key: Path | None) -> list[str]:
    """What is wrong with a release, a sentence each, with the file named; empty where all holds.

    ``public_key`` None: the folder's own copy is taken, which proves that it is whole, not where it comes from.
    """
    return verify(folder, public_key)


def diff_releases(one: Path, other: Path) -> list[str]:
    """The differences of two releases, a sentence each.

    Raises:
        NeedsPerson: one of the two is no release.
    """
    return diff(one, other)
