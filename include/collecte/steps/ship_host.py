"""Release → competition hosts: every file at each destination, each proved there, ``SHA256SUMS`` last.

``plan_host → ship_to_host (a shard each) → commit_host``; after a recall ``withdraw``.
"""

from collections.abc import Iterable

from collecte.steps.challenge_site import ChallengeSite


def plan_host(site: ChallengeSite, label: str) -> list[dict[str, str]]:
    """Name the shards of a release's way to every destination: ``{"shard": "release/v1/ship/host-s3/1", "label": …}``.

    Before a byte leaves: approved by two people over exactly these bytes, gate, region, the layout's limits; the whole
    release is read against its ``SHA256SUMS``.

    Raises:
        NeedsPerson: one of these does not hold; it says which, and names the file.
    """
    raise NotImplementedError


def ship_to_host(site: ChallengeSite, shard: str) -> dict[str, int]:
    """Send one shard's files. What is there already is compared and not sent again.

    Raises:
        Retry: the connection was lost, or the server is busy.
        NeedsPerson: not approved; the destination refuses us, is full, holds another object under a key of ours, or
            gives back other bytes than it got.
    """
    raise NotImplementedError


def commit_host(site: ChallengeSite, label: str, destination: str) -> dict[str, int]:
    """Send ``SHA256SUMS``: the release is complete at this destination. Every file must have its receipt.

    Raises:
        NeedsPerson: a file has no receipt yet, or as for :func:`ship_to_host`.
    """
    raise NotImplementedError


def withdraw(site: ChallengeSite, label: str, destination: str, paths: Iterable[str]) -> dict[str, int]:
    """After a release was remade (:func:`~collecte.steps.release.remake_release`): take from a destination what is no
    longer in it, or has other bytes now, with every version, and prove that it is gone; then send what changed, with
    receipts, ``SHA256SUMS`` last.

    ``paths``: in the release, what must be gone. Nothing is sent that was not sent before: a shipment that was not
    complete stays so, and :func:`plan_host` goes on with it once the new digest is approved.

    The counts: ``removed`` (versions), ``locked`` (versions that stay under a lock), ``files`` sent anew.

    Raises:
        NeedsPerson: what was removed is still there; the destination refuses us.
        Retry: the connection was lost.
    """
    raise NotImplementedError
