"""What is shipped and what proves it; and what each kind of destination offers. Keys are pseudonymous names of ours."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal, Protocol

from collecte.errors import Bug, NeedsPerson

#: ``server``: it rejects a wrong SHA-256 (a probe showed it), HEAD names the right one. ``readback``: read, hashed.
Proof = Literal["server", "readback"]

_READ = 1024 * 1024


@dataclass(frozen=True)
class Item:
    """A file of ours, to be stored under ``key`` (below the destination's path); ``sha256``: hex; ``size``: bytes."""

    source: Path
    key: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Stored:
    """The destination holds exactly the item's bytes, and ``proof`` says how that is known."""

    item: Item
    version_id: str | None
    etag: str
    proof: Proof


@dataclass(frozen=True)
class Removed:
    """What came of removing a key: ``versions`` of it that are gone (delete markers count), and how many stay because
    the destination holds them under a lock (object lock, legal hold): these are hidden, but nobody can remove them yet.
    """

    key: str
    versions: int
    locked: int = 0


class Destination(Protocol):
    """Where batches and releases go. Every method raises Retry or NeedsPerson; messages may name keys."""

    def probe(self) -> Proof:
        """Find out how this destination proves what it holds; leaves nothing behind."""
        ...

    def put(self, items: Iterable[Item]) -> Iterator[Stored]:
        """Store and prove each item; results as they are proved, in no order.

        What is there already with the same bytes is not sent again. What is there with other bytes is never
        overwritten: the other items are stored, then NeedsPerson names the keys. After a cut call again, same items.
        """
        ...

    def remove(self, keys: Iterable[str]) -> Iterator[Removed]:
        """Remove objects with every version of them and whatever was left of sending them; one result for each key, in
        no order, once it was looked for again. A key that is not there is no error.

        Raises NeedsPerson where the destination refuses, or where the object is still there afterwards.
        """
        ...

    def abort_unfinished(self, older_than: timedelta | None = None, prefix: str = "") -> int:
        """Abort uploads below ``prefix`` that were begun (longer ago than that) and never finished; how many."""
        ...

    def sweep_probes(self, older_than: timedelta) -> int:
        """Remove what a process that was killed while it probed has left, longer ago than that; how many."""
        ...

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """The keys below the destination's path, sorted."""
        ...

    def read(self, key: str) -> bytes:
        """A small object, whole. Raises NeedsPerson where there is none."""
        ...

    def digest(self, key: str) -> tuple[str, int]:
        """SHA-256 (hex) and size (bytes) of an object, read back whole. Raises NeedsPerson where there is none."""
        ...


class Differs(NeedsPerson):
    """The destination holds other bytes under this key; they stay as they are."""

    def __init__(self, key: str, what: str = "", remedy: str = "") -> None:
        super().__init__(
            what or f"The destination holds another object under {key}; it was left as it is.",
            remedy or "find out who wrote it; remove it there if it is wrong, then ship again.",
        )
        self.key = key

    def __reduce__(self) -> tuple[type["Differs"], tuple[str, str, str]]:  # type: ignore[override]
        return type(self), (self.key, self.what, self.remedy)


def came_back_other(key: str) -> Differs:
    """What we have just written is not what the destination gives back: it, or what stands between, is at fault."""
    return Differs(
        key,
        f"The destination gives back other bytes under {key} than were written there.",
        "have its operator check its disk and what stands between (a proxy, a gateway); remove the object there and "
        "ship again.",
    )


def raise_differing(differing: Sequence[Differs]) -> None:
    """Report every key under which the destination holds something else.

    Raises:
        NeedsPerson: there are such keys; it names the first ten.
    """
    if len(differing) == 1:
        raise differing[0]
    if differing:
        keys = sorted(error.key for error in differing)
        named = ", ".join(keys[:10]) + ("…" if len(keys) > 10 else "")
        raise Differs(
            keys[0], f"The destination holds other objects under {len(keys)} keys ({named}); left as they are."
        )


def altered(item: Item) -> NeedsPerson:
    """Our own copy no longer has the bytes that the catalogue knows."""
    return NeedsPerson(
        f"The file for {item.key} no longer has the SHA-256 of the catalogue; it was not sent.",
        "check the disk of its zone, put the file back from the zone's backup, then clear the task.",
    )


def still_there(key: str) -> NeedsPerson:
    """What was removed is there afterwards."""
    return NeedsPerson(
        f"The destination still holds {key} after it was removed.",
        "find out what else writes there (a replication, a backup that restores), then clear the task.",
    )


def check_key(key: str) -> None:
    """Keys are made by us.

    Raises:
        Bug: this one would leave the destination's path.
    """
    if any(part in ("", ".", "..") for part in key.split("/")):
        raise Bug(f"{key!r} is no key of ours.")
