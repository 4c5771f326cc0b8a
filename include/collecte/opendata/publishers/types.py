"""What a publisher offers: a dry run, publishing that can be resumed, verification, withdrawal."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from collecte.transport import Endpoint, Removed, Stored


@dataclass(frozen=True)
class Publication:
    """A package on its way out. ``place``: path behind the connection; ``prefix``: below it, ``demo/v1``; ``sums``: the
    path in the package → SHA-256 (hex), ``SHA256SUMS`` itself among them.
    """

    endpoint: Endpoint
    place: str
    prefix: str
    folder: Path
    sums: Mapping[str, str]

    def key(self, path: str) -> str:
        """Where a file of the package stands below the place."""
        return f"{self.prefix}/{path}"


class Publisher(Protocol):
    """One way to publish. Every method raises Retry or NeedsPerson."""

    def dry_run(self, publication: Publication) -> Mapping[str, int]:
        """What publishing would do: ``to_send``, ``there``, ``stray`` (below the prefix, of no package)."""
        ...

    def there(self, publication: Publication) -> set[str]:
        """The paths of all that stands below the package's prefix, whole or not, of whichever version."""
        ...

    def publish(self, publication: Publication) -> Iterator[Stored]:
        """Send what is not there, each file proved, ``SHA256SUMS`` last: until it is there the package is not public.
        After a cut call again. What is there with other bytes is never overwritten.
        """
        ...

    def verify(self, publication: Publication) -> list[str]:
        """Read back what is public; what is wrong with it, a sentence each."""
        ...

    def withdraw(self, publication: Publication, paths: Iterable[str]) -> Iterator[Removed]:
        """Take files of the package back, with every version of them."""
        ...
