"""Drop → landing: the bytes of one shard as the centre gave them, hashed while they are copied."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from collecte.catalogue import Change, DeliveryRow, FileRow, Lease, Moves, files_of_shard, findings_of, open_path
from collecte.findings import Finding
from collecte.receive import changed_while_read, vanished, verify_digest
from collecte.records import State
from collecte.steps.moving import lease_of, working
from collecte.steps.site import Site
from collecte.transport import Entry, Fetched, Want, carry_over, open_source

_CHUNK = 1 << 20
#: A lease is looked at again after so many files.
_CHECK_EVERY = 500


def receive(site: Site, shard: str) -> dict[str, int]:
    """Copy the files of one shard into landing. What an earlier, killed attempt had whole is not fetched again.

    Each attempt writes under names of its own (``f12.a2``): an orphan of an earlier one cannot touch its files.

    Raises:
        Retry: the connection was lost or timed out.
        NeedsPerson: host key, login, right or space; the message names the connection and the remedy.
    """
    delivery, lease = lease_of(site, shard)
    if isinstance(lease, dict):
        return lease
    with working(lease):
        return _receive(site, delivery, lease)


def _receive(site: Site, delivery: DeliveryRow, lease: Lease) -> dict[str, int]:
    folder = site.received(delivery)
    folder.mkdir(parents=True, exist_ok=True)
    with site.catalogue.read() as connection:
        files = files_of_shard(connection, lease, State.WAITING)
        refusals = {f.file_id: f.code for f in findings_of(connection, delivery.id) if f.severity == "refused"}
    wants = {file.id: _want(site, folder, lease, file) for file in files}
    earlier = _earlier(folder, lease.attempt)
    fetched = {file_id: have for file_id, want in wants.items() if (have := _had(want, earlier.get(file_id, [])))}
    missing = {want: file_id for file_id, want in wants.items() if file_id not in fetched}
    if missing:
        fetched |= {missing[got.want]: got for got in _fetch(site, lease, missing)}
    counts = Counter[str](files=len(files), bytes=sum(got.size for got in fetched.values()))
    with lease.finish(counts) as moves:
        counts.update(_record(moves, files, fetched, refusals))
    for leftover in (path for paths in earlier.values() for path in paths):
        leftover.unlink(missing_ok=True)
    return dict(counts)


def _want(site: Site, folder: Path, lease: Lease, file: FileRow) -> Want:
    target = folder / f"f{file.id}.a{lease.attempt}"
    algorithm = (file.expected or "sha256:").partition(":")[0]
    entry = Entry(open_path(site.keys, file), file.size, file.mtime or 0)
    return Want(entry, target, target.with_name(f"{target.name}.part"), tuple(dict.fromkeys(("sha256", algorithm))))


def _earlier(folder: Path, attempt: int) -> Mapping[int, list[Path]]:
    """What earlier attempts left, whole or in part, by file id; the newest last."""
    found: dict[int, list[tuple[int, Path]]] = {}
    for path in folder.iterdir():
        match = re.fullmatch(r"f(\d+)\.a(\d+)(\.part)?", path.name)
        if match and int(match[2]) < attempt:
            found.setdefault(int(match[1]), []).append((int(match[2]), path))
    return {file_id: [path for _, path in sorted(paths)] for file_id, paths in found.items()}


def _had(want: Want, earlier: Sequence[Path]) -> Fetched | None:
    """What an earlier attempt had whole, hashed again, under this attempt's name; of a part, a copy to go on from."""
    for path in reversed(earlier):
        if path.suffix == ".part":
            carry_over(path, want.part)
        elif path.stat().st_size == want.entry.size:
            want.target.unlink(missing_ok=True)
            want.target.hardlink_to(path)
            return Fetched(want, "ok", want.entry.size, _digests(path, want.algorithms))
    return None


def _digests(path: Path, algorithms: Iterable[str]) -> dict[str, str]:
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            for running in hashes.values():
                running.update(chunk)
    return {name: running.hexdigest() for name, running in hashes.items()}


def _fetch(site: Site, lease: Lease, wants: Iterable[Want]) -> Iterator[Fetched]:
    drop = site.centre.drop
    with open_source(site.connect(drop.connection), drop.path, connections=1) as source:
        for number, got in enumerate(source.fetch(wants), 1):
            if number % _CHECK_EVERY == 0:
                lease.check()
            yield got


def _record(
    moves: Moves, files: Sequence[FileRow], fetched: Mapping[int, Fetched], refusals: Mapping[int | None, str]
) -> Counter[str]:
    """The SHA-256 of what came; findings where it is not what the manifest says; a reason for what did not come."""
    counts = Counter[str]()
    rows: list[dict[str, Any]] = []
    findings: list[tuple[int | None, Finding]] = []
    changes = []
    for file in files:
        got = fetched[file.id]
        if got.outcome != "ok" or got.size != file.size:
            # Also where it is whole but no longer what was listed: whether the delivery is complete was judged by the
            # listing. The next run finds it in the drop again, as a file that was never received.
            finding = vanished() if got.outcome == "vanished" else changed_while_read()
            findings.append((file.id, finding))
            changes.append(Change(file.id, State.REJECTED, finding.code))
            counts["not_taken"] += 1
            continue
        rows.append({"id": file.id, "sha256": got.digests["sha256"], "landing": got.want.target.name})
        differs = verify_digest(file.expected, got.digests) if file.expected else None
        findings += [(file.id, differs)] if differs else []
        if reason := differs.code if differs else refusals.get(file.id):
            changes.append(Change(file.id, State.QUARANTINED, reason))
            counts["quarantined"] += 1
    moves.set_files(rows)
    moves.add_findings("receive", findings)
    moves.move(changes)
    return counts
