"""Making DICOM safe, against pydicom reading and writing the same files, against a plain copy, and against two peers.

Ours hashes what it reads and what it writes (SHA-256), in the same pass. The others hash nothing, but for the plain
copy of large files, which hashes both. Every round of ours has keys of its own, so that nothing of a file is remembered
from the round before; to find the output's name (*harvest*) is no part of it, nor is a look for text in the pixels. The
files lie in memory where there is room, and seconds are the processor's: the ratio is that of the work, and not of a
disk or of what else the machine does. One process; two where the row says so, and then by the clock of the wall.

    python -m benchmarks deidentify
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from benchmarks import _large
from benchmarks._images import FRAME_BYTES, bundled, demo_context, folder, slices
from benchmarks._measure import Row, medians, not_measured
from benchmarks._peers import DCMANON, DICOM_ANONYMIZER, PYDICOM, Peer, clear, copy_of, hashed_copy
from benchmarks.residual import identifiers
from collecte.findings import refused
from collecte.formats import Context, dicom
from collecte.keys import Keys
from collecte.records import Harvest, Safe
from collecte.residual import Scanner, compile_scanner
from collecte.steps.make_safe import make_file_safe

SLICES, ROUNDS = 200, 5
#: Identifiers of the delivery that the slices belong to.
IDENTIFIERS = 1000
_OURS, _SCANNED, _COPY = "ours", "ours, and the scan", "copy"
_PEERS = (PYDICOM, DCMANON, DICOM_ANONYMIZER)


def run() -> list[Row]:
    """Every row of de-identifying."""
    with folder(3 * SLICES * FRAME_BYTES) as place:
        if place is None:
            return [not_measured("small files and CT slices", "no room for them"), *_large.run()]
        rows = [*_small(place), *_slices(place)]
    return [*rows, *_large.run()]


def _small(place: Path) -> list[Row]:
    """pydicom's own files: those that every side reads and writes."""
    there = [peer for peer in _PEERS if peer.version]
    paths = [path for path in bundled(place) if _passes(path) and all(peer.manages(path) for peer in there)]
    rounds = [_Round.of(paths) for _ in range(ROUNDS)]
    taken = medians(
        {_OURS: lambda turn: rounds[turn].make_safe(), **_works(paths)},
        ROUNDS,
        lambda _: clear(paths),
        time.process_time,
    )
    return _rows(f"{len(paths)} mixed small files", len(paths), taken, 0.50)


def _slices(place: Path) -> list[Row]:
    """Slices of 512 × 512 pixels, 0.5 MB each, with the header of a real scanner."""
    paths = slices(place, SLICES)
    rounds, scanned = ([_Round.of(paths) for _ in range(ROUNDS)] for _ in range(2))
    scanners = [each.scanner(place / f"words{turn}") for turn, each in enumerate(scanned)]
    ours: Mapping[str, Callable[[int], None]] = {
        _OURS: lambda turn: rounds[turn].make_safe(),
        _SCANNED: lambda turn: scanned[turn].make_safe_and_scan(scanners[turn]),
        _COPY: lambda _: [hashed_copy(path) for path in paths],
    }
    taken = medians({**ours, **_works(paths)}, ROUNDS, lambda _: clear(paths), time.process_time)
    rows = _rows("CT slices of 512 × 512", SLICES, taken, 0.35)
    what = f"CT slices of 512 × 512, scanned for {IDENTIFIERS:,} identifiers"
    least = Row(
        "CT slices of 512 × 512, against what no tool can save",
        taken[_OURS] / taken[_COPY],
        None,
        f"{taken[_OURS] / SLICES * 1000:.2f} ms a file",
        f"{taken[_COPY] / SLICES * 1000:.2f} ms a file, plain copy with SHA-256 of both",
    )
    return [rows[0], _row(what, SLICES, taken, PYDICOM, 0.45, _SCANNED), *rows[1:], least]


def _works(paths: Sequence[Path]) -> dict[str, Callable[[int], None]]:
    return {peer.package: lambda _, peer=peer: peer.work(paths) for peer in _PEERS if peer.version}  # type: ignore[misc]


def _rows(what: str, files: int, taken: Mapping[str, float], goal: float) -> list[Row]:
    """Against reading and writing, and against each of the others: faster than they."""
    others = (_row(f"{what}, against {peer.package}", files, taken, peer, 1.0) for peer in _PEERS[1:])
    return [_row(what, files, taken, PYDICOM, goal), *others]


def _row(what: str, files: int, taken: Mapping[str, float], peer: Peer, goal: float, ours: str = _OURS) -> Row:
    if not peer.version:
        return not_measured(what, f"{peer.package} is not installed", goal)
    mine, theirs = (f"{taken[work] / files * 1000:.2f} ms a file" for work in (ours, peer.package))
    return Row(what, taken[ours] / taken[peer.package], goal, mine, f"{theirs}, {peer}")


def _passes(path: Path) -> bool:
    """Whether a file is let through."""
    context = demo_context(Keys.new())
    harvest = dicom.harvest(path, "", context)
    return not refused(harvest.findings) and bool(dicom.make_safe(path, copy_of(path), harvest.name, context).sha256)


@dataclass(frozen=True)
class _Round:
    """What ours is given for one round: files, each with its harvest, under keys that no other round has."""

    context: Context
    files: Sequence[tuple[Path, Harvest]]

    @classmethod
    def of(cls, paths: Sequence[Path]) -> "_Round":
        context = demo_context(Keys.new())
        return cls(context, [(path, dicom.harvest(path, "", context)) for path in paths])

    def make_safe(self) -> None:
        for path, harvest in self.files:
            _require(dicom.make_safe(path, copy_of(path), harvest.name, self.context))

    def make_safe_and_scan(self, scanner: Scanner) -> None:
        for path, harvest in self.files:
            target, about = copy_of(path), harvest.subjects
            _require(make_file_safe(path, target, "dicom", harvest.name, about, self.context, scanner, sampled=False))

    def scanner(self, folder: Path) -> Scanner:
        """One that looks for what identifies in these files and for others' identifiers. It is compiled already, and
        has looked at nothing."""
        own = list(dict.fromkeys(chain.from_iterable(harvest.identifiers for _, harvest in self.files)))
        path, harvest = self.files[0]
        compile_scanner([*own, *identifiers(IDENTIFIERS - len(own))], folder).scan(path, harvest.subjects)
        return compile_scanner((), folder)


def _require(safe: Safe) -> None:
    if not (safe.sha256 and safe.sha256_in):
        raise RuntimeError(f"a file was not made safe: {[finding.code for finding in safe.findings]}")
