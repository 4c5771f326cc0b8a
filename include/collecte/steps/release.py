"""Curated → release, release → vault: start a version, freeze it, show it to those who approve, make it anew after a
recall, discard it.
"""

from pathlib import Path

from collecte.gates import Check
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.decisions import Question


def start_release(site: ChallengeSite) -> str:
    """Begin a version of what is accepted now, such as ``v1``; or the one that is being made, or was made, of it.

    Raises:
        NeedsPerson: another version is in the making of other inputs; homogeneity is not decided; there is nothing to
            release, or no ``release`` in the challenge file.
    """
    raise NotImplementedError


def freeze_release(site: ChallengeSite, label: str) -> dict[str, int]:
    """Make the tree of a version, its vault, certificate and signature, and say in the catalogue what it holds.

    Raises:
        NeedsPerson: what is accepted changed since it was started, or cannot be shared out; nothing is visible then.
    """
    raise NotImplementedError


def release_gate(site: ChallengeSite, label: str) -> tuple[Check, ...]:
    """What must hold before a release leaves, as one table."""
    raise NotImplementedError


def release_questions(site: ChallengeSite, label: str) -> tuple[Question, Question]:
    """What the coordinator and the data-protection officer are asked, over the release's digest."""
    raise NotImplementedError


def discard_release(site: ChallengeSite, label: str) -> None:
    """Forget a version that was never frozen, with what was made of it and its vault.

    Raises:
        NeedsPerson: it is frozen.
    """
    raise NotImplementedError


def remake_release(
    site: ChallengeSite, label: str, without: frozenset[int], subjects: frozenset[str] = frozenset()
) -> dict[str, int]:
    """Make a frozen release anew without some files of the catalogue and all rows of some subjects (pseudonyms), under
    the same ids and in the same parts. The digest that it had stands in ``release.json`` as ``replaces``.

    Tables are merged anew from curated: what was taken out of a table there is gone here too. Where nothing of it is in
    the release, nothing changes.
    """
    raise NotImplementedError


def verify_release(folder: Path, public_key: Path | None) -> list[str]:
    """What is wrong with a release, a sentence each, with the file named; empty where all holds.

    ``public_key`` None: the folder's own copy is taken, which proves that it is whole, not where it comes from.
    """
    raise NotImplementedError
