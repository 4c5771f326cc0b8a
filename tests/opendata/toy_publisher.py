"""A publisher of a toy repository: a folder in which each package lies below a record's name. The whole interface."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from collecte.opendata.publishers import Publication
from collecte.package import SUMS_NAME, sha256_of
from collecte.transport import Item, Removed, Stored


def dry_run(publication: Publication) -> Mapping[str, int]:
    there = sum(_at(publication, path).exists() for path in publication.sums)
    return {"to_send": len(publication.sums) - there, "there": there, "stray": 0}


def there(publication: Publication) -> set[str]:
    below = _at(publication, "")
    return {path.relative_to(below).as_posix() for path in below.rglob("*") if path.is_file()}


def publish(publication: Publication) -> Iterator[Stored]:
    for path in sorted(publication.sums, key=lambda path: path == SUMS_NAME):
        source, target = publication.folder / path, _at(publication, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copyfile(source, target)
        item = Item(source, publication.key(path), publication.sums[path], source.stat().st_size)
        yield Stored(item, None, "", "readback")


def verify(publication: Publication) -> list[str]:
    sums = publication.sums.items()
    return [f"{path} differs" for path, digest in sums if sha256_of(_at(publication, path)) != digest]


def withdraw(publication: Publication, paths: Iterable[str]) -> Iterator[Removed]:
    for path in paths:
        _at(publication, path).unlink(missing_ok=True)
        yield Removed(publication.key(path), 1, 0)


def _at(publication: Publication, path: str) -> Path:
    return Path(publication.place) / publication.key(path)
