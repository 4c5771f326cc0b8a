"""The catalogue as text that two undisturbed runs over the same input, with the same keys, have in common."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from collecte.catalogue import tables


@dataclass(frozen=True)
class _Names:
    """What ids are called in the dump: by number and keyed digest, so that other ids give the same text."""

    deliveries: Mapping[int, str]
    files: Mapping[int, str]
    objects: Mapping[int, str]
    subjects: Mapping[int, str]
    labels: Mapping[str, str]


def canonical_dump(connection: Connection, challenge_id: str) -> list[str]:
    """The catalogue of one challenge as sorted JSON lines, without ids, times, salts, sealed cells, attempts and
    events.

    Left out with the times: the drop's own (``mtime``, the listing's digest), the place in landing, and what a
    destination makes up (version id, ETag). What remains is a function of the input and the keys.
    """
    names = _names(connection, challenge_id)
    lines = [
        *_files(connection, names),
        *_deliveries(connection, names),
        *_findings(connection, names),
        *_shards(connection, names),
        *_links(connection, names),
        *_shipments(connection, names),
        *_packages(connection, challenge_id, names),
        *_decisions(connection, challenge_id),
        *_recalls(connection, challenge_id),
    ]
    return sorted(json.dumps(line, sort_keys=True, ensure_ascii=True) for line in lines)


def _names(connection: Connection, challenge_id: str) -> _Names:
    centre, delivery, file = tables.centre.c, tables.delivery.c, tables.file.c
    deliveries = {
        row.id: f"{row.code}/d{row.number:04d}"
        for row in connection.execute(
            select(delivery.id, delivery.number, centre.code)
            .join(tables.centre, centre.id == delivery.centre_id)
            .where(centre.challenge_id == challenge_id)
        )
    }
    files = {
        row.id: f"{deliveries[row.delivery_id]}/{row.path_digest}"
        for row in connection.execute(select(file.id, file.delivery_id, file.path_digest))
        if row.delivery_id in deliveries
    }
    objects = {
        row.id: f"{deliveries[row.delivery_id]}/{row.kind}/{row.key_digest}"
        for row in connection.execute(select(tables.object_))
        if row.delivery_id in deliveries
    }
    subject = tables.subject.c
    subjects = {
        row.id: f"{row.code}/{row.pseudonym}"
        for row in connection.execute(
            select(subject.id, subject.pseudonym, centre.code)
            .join(tables.centre, centre.id == subject.centre_id)
            .where(centre.challenge_id == challenge_id)
        )
    }
    labels = {f"{letter}{row}": name for letter, of in (("f", files), ("o", objects)) for row, name in of.items()}
    return _Names(deliveries, files, objects, subjects, labels)


def _files(connection: Connection, names: _Names) -> Iterator[dict[str, object]]:
    kept = (
        *("state", "reason", "path_digest", "name_digest", "size", "expected", "replaces", "sha256"),
        *("kind", "logical_digest", "name", "safe_sha256", "safe_size"),
    )
    for row in connection.execute(select(tables.file)):
        if row.id in names.files:
            yield {
                "file": names.deliveries[row.delivery_id],
                "object": names.objects.get(row.object_id),
                "origin": names.files.get(row.origin_id),
                "points_to": names.files.get(row.points_to),
                "landed": row.landing is not None,
                **{column: getattr(row, column) for column in kept},
            }


def _deliveries(connection: Connection, names: _Names) -> Iterator[dict[str, object]]:
    for row in connection.execute(select(tables.delivery)):
        if row.id in names.deliveries:
            yield {
                "delivery": names.deliveries[row.id],
                "folder": row.folder_digest,
                "state": row.state,
                "complete_by": row.complete_by,
            }


def _findings(connection: Connection, names: _Names) -> Iterator[dict[str, object]]:
    for row in connection.execute(select(tables.finding)):
        if row.delivery_id in names.deliveries:
            values = dict(row._mapping["values"])
            yield {
                "finding": names.deliveries[row.delivery_id],
                "file": names.files.get(row.file_id),
                **{column: getattr(row, column) for column in ("step", "code", "severity", "place")},
                "count": row._mapping["count"],
                "values": {name: names.labels.get(str(value), value) for name, value in values.items()},
            }


def _shards(connection: Connection, names: _Names) -> Iterator[dict[str, object]]:
    for row in connection.execute(select(tables.shard)):
        if row.delivery_id in names.deliveries:
            yield {
                "shard": f"{names.deliveries[row.delivery_id]}/{row.step}/{row.number}",
                "of": row.of,
                "files": row.files,
                "bytes": row.bytes,
                "first": names.files.get(row.first_file),
                "last": names.files.get(row.last_file),
                "counts": row.counts,
            }


def _links(connection: Connection, names: _Names) -> Iterator[dict[str, object]]:
    for link in connection.execute(select(tables.file_subject)):
        if link.file_id in names.files:
            yield {"subject": names.subjects[link.subject_id], "file": names.files[link.file_id]}
    for link in connection.execute(select(tables.object_subject)):
        if link.object_id in names.objects:
            yield {"subject": names.subjects[link.subject_id], "object": names.objects[link.object_id]}
    for name in names.subjects.values():
        yield {"subject": name}
    for name in names.objects.values():
        yield {"object": name}
    for row in connection.execute(select(tables.identifier)):
        if row.delivery_id in names.deliveries:
            yield {"identifier": row.digest, "kind": row.kind, "subject": names.subjects.get(row.subject_id)}


def _shipments(connection: Connection, names: _Names) -> Iterator[dict[str, object]]:
    shipments: dict[int, str] = {}
    for row in connection.execute(select(tables.shipment)):
        if row.delivery_id in names.deliveries:
            shipments[row.id] = f"{names.deliveries[row.delivery_id]}/{row.destination}"
            yield {
                "shipment": shipments[row.id],
                "done": row.done_at is not None,
                "manifest_sha256": row.manifest_sha256,
            }
    for row in connection.execute(select(tables.receipt)):
        if row.shipment_id in shipments:
            yield {
                "receipt": shipments[row.shipment_id],
                "file": names.files.get(row.file_id),
                **{column: getattr(row, column) for column in ("key", "size", "sha256", "proof")},
            }


def _packages(connection: Connection, challenge_id: str, names: _Names) -> Iterator[dict[str, object]]:
    """Releases and Open Data packages, what they hold, and what arrived of them."""
    packages: dict[int, str] = {}
    of_challenge = select(tables.package).where(tables.package.c.challenge_id == challenge_id)
    for row in connection.execute(of_challenge.order_by(tables.package.c.id)):
        packages[row.id] = f"{row.kind}/v{row.version}"
        kept = {column: getattr(row, column) for column in ("state", "digest", "replaces", "inputs")}
        yield {"package": packages[row.id], "of": packages.get(row.release_id), **kept}
    for row in connection.execute(select(tables.package_file)):
        if row.package_id in packages:
            kept = {column: getattr(row, column) for column in ("path", "part", "size", "sha256")}
            yield {"packed": packages[row.package_id], "file": names.files.get(row.file_id), **kept}
    shipments: dict[int, str] = {}
    for row in connection.execute(select(tables.package_shipment)):
        if row.package_id in packages:
            shipments[row.id] = f"{packages[row.package_id]}/{row.destination}/{row.digest}"
            yield {"package_shipment": shipments[row.id], "done": row.done_at is not None}
    for row in connection.execute(select(tables.package_receipt)):
        if row.shipment_id in shipments:
            kept = {column: getattr(row, column) for column in ("key", "path", "size", "sha256", "proof")}
            yield {"package_receipt": shipments[row.shipment_id], **kept}


def _decisions(connection: Connection, challenge_id: str) -> Iterator[dict[str, object]]:
    """What people decided, and which pieces of the challenge's own work are done."""
    kept = ("about", "digest", "role", "login", "answer", "value", "reason")
    for row in connection.execute(select(tables.decision).where(tables.decision.c.challenge_id == challenge_id)):
        yield {"decision": {column: getattr(row, column) for column in kept}}
    for row in connection.execute(select(tables.job).where(tables.job.c.challenge_id == challenge_id)):
        yield {"job": row.name, "done": row.done_at is not None}


def _recalls(connection: Connection, challenge_id: str) -> Iterator[dict[str, object]]:
    """Recalls without what they name, and whom reception refuses."""
    of, refused, centre = tables.recall.c, tables.refused.c, tables.centre.c
    columns = select(of.number, centre.code, of.request, of.scope, of.state)
    rows = columns.join(tables.centre, centre.id == of.centre_id).where(of.challenge_id == challenge_id)
    for row in connection.execute(rows):
        yield {"recall": row.number, "centre": row.code, **{c: getattr(row, c) for c in ("request", "scope", "state")}}
    digests = select(refused.digest, centre.code).join(tables.centre, centre.id == refused.centre_id)
    for one in connection.execute(digests.where(centre.challenge_id == challenge_id)):
        yield {"refused": one.digest, "centre": one.code}
