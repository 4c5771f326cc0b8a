"""One file's life, link by link: from the centre's hash to the receipt of each destination. Nothing is changed."""

from dataclasses import dataclass

from collecte.steps.challenge_site import ChallengeSite


@dataclass(frozen=True)
class Link:
    """One place that a file came through. ``holds``: whether its bytes are there what they must be; None: nothing is
    left that could be looked at (purged after its time), or nothing was given. ``said``: a sentence, without a name of
    the centre's and without a pseudonym.
    """

    place: str
    sha256: str
    holds: bool | None
    said: str


def custody(site: ChallengeSite, file: str) -> list[Link]:
    """Follow a file (``f12``): what the centre announced, landing, the chain, curated, the HDH, each release, each
    host. Every copy that is there is read whole and held against the catalogue.

    Raises:
        NeedsPerson: there is no such file; a destination cannot be reached as configured.
        Retry: a connection was lost.
    """
    raise NotImplementedError
