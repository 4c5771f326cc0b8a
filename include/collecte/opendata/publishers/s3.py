"""A public bucket: objects below ``<prefix>/``, readable by everybody as the bucket's own policy says."""

from collections.abc import Iterable, Iterator, Mapping

from collecte.opendata.publishers.types import Publication
from collecte.package import SUMS_NAME
from collecte.transport import Item, Removed, Stored, open_destination


def dry_run(publication: Publication) -> Mapping[str, int]:
    wanted, found = set(publication.sums), there(publication)
    return {"to_send": len(wanted - found), "there": len(wanted & found), "stray": len(found - wanted)}


def there(publication: Publication) -> set[str]:
    prefix = f"{publication.prefix}/"
    with open_destination(publication.endpoint, publication.place) as bucket:
        return {key.removeprefix(prefix) for key in bucket.list_keys(prefix)}


def publish(publication: Publication) -> Iterator[Stored]:
    first = [_item(publication, path) for path in publication.sums if path != SUMS_NAME]
    with open_destination(publication.endpoint, publication.place) as bucket:
        yield from bucket.put(first)
        yield from bucket.put([_item(publication, SUMS_NAME)])


def verify(publication: Publication) -> list[str]:
    wrong = []
    with open_destination(publication.endpoint, publication.place) as bucket:
        found = set(bucket.list_keys(f"{publication.prefix}/"))
        for path, digest in publication.sums.items():
            key = publication.key(path)
            if key not in found:
                wrong.append(f"{path} is not public")
            elif bucket.digest(key)[0] != digest:
                wrong.append(f"{path} has other content there")
    stray = sorted(found - {publication.key(path) for path in publication.sums})
    return [*wrong, *(f"{key} is public and belongs to no package" for key in stray)]


def withdraw(publication: Publication, paths: Iterable[str]) -> Iterator[Removed]:
    with open_destination(publication.endpoint, publication.place) as bucket:
        yield from bucket.remove(publication.key(path) for path in paths)


def _item(publication: Publication, path: str) -> Item:
    source = publication.folder / path
    return Item(source, publication.key(path), publication.sums[path], source.stat().st_size)
