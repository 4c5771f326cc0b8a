"""Is a delivery complete, or is its upload still under way?

Complete, in this order:

1. *by marker*: a marker file is there. It is the centre's word, and is taken at once;
2. *by manifest*: every file that a manifest of the whole delivery lists is there, with its size where that is listed.
   At once where the sizes prove it. A manifest without sizes, with lines that cannot be read, or that does not name
   every file, may itself be on its way: then two looks :data:`SETTLE_SECONDS` apart must have seen the same;
3. *by quiet*: nothing has changed for the quiet time of the challenge. What is listed and still absent is then a
   finding, never a reason to wait for ever.

What shows an upload under way makes 1 and 2 wait for the quiet: a name that transfer programs give to half a file
(``.part``, ``.filepart``, ``~``…; one that the manifest lists is meant to be so), or a size that is not the listed
one. After the quiet such a file is taken and refused with ``FILE-HALF-UPLOADED``: it was left behind.

Time is counted by our clock, between looks. A drop's own times prove nothing by themselves: its clock may be days
off, and transfer programs give files the times that they had at home. They count only where the store itself stamps
them and its clock was compared with ours (object stores).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from collecte.challenge import Arrival
from collecte.findings import Finding
from collecte.receive.drop import Deposit, Entry
from collecte.receive.manifest import Manifest
from collecte.receive.reconcile import Reconciled, reconcile

#: How far two equal looks must lie apart before a manifest without sizes is believed. Seconds.
SETTLE_SECONDS = 20

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HALF = re.compile(
    r".*\.(part|partial|filepart|tmp|temp|crdownload|download|upload|uploading)|.*~|\.in\..*\.",
    re.DOTALL | re.IGNORECASE,
)
_RSYNC = re.compile(r"\..+\.[A-Za-z0-9]{6}", re.DOTALL)


@dataclass(frozen=True)
class Complete:
    """The delivery may be received. ``reconciled``: what its manifests say of each file. IDENTIFYING:
    ``reconciled``."""

    by: Literal["manifest", "marker", "quiet"]
    reconciled: Reconciled
    findings: tuple[Finding, ...] = ()
    file_findings: tuple[tuple[str, Finding], ...] = ()

    def __repr__(self) -> str:
        return f"Complete(by={self.by!r}, {len(self.findings)} findings)"


@dataclass(frozen=True)
class Waiting:
    """The delivery is left alone. ``since``: when we first saw it as it is; ``until``: before this moment, another
    look that sees the same changes nothing. Both by our clock, UTC. ``finding`` says why, for the report.
    """

    finding: Finding
    since: datetime
    until: datetime


def completeness(
    deposit: Deposit,
    manifests: Sequence[Manifest],
    arrival: Arrival,
    unchanged_since: datetime | None,
    now: datetime,
    clock_offset: float | None = None,
    *,
    whole_files: bool = False,
) -> Complete | Waiting:
    """Whether a delivery is complete.

    Args:
        deposit: the delivery as listed just now.
        manifests: its manifests (:func:`~collecte.receive.manifest.parse_manifest`), read just now.
        arrival: the challenge's quiet time and marker names.
        unchanged_since: by our clock, since when each look saw this very listing; None at the first look.
        now: our clock. Both times are aware.
        clock_offset: seconds by which the drop's clock is ahead of ours. Only where the store itself stamps the times
            of its files, as object stores do; None for SFTP and folders.
        whole_files: whether the store shows a file only once it is whole, as object stores do.
    """
    marked = markers(deposit, arrival)
    own = {manifest.path for manifest in manifests}
    ignore = {entry.path for entry in marked} | {e.path for e in deposit.entries if deposit.relative(e) in own}
    reconciled = reconcile(deposit, manifests, ignore)
    since = min(unchanged_since or now, now)
    quiet = timedelta(minutes=arrival.quiet_minutes)
    half = half_uploaded(deposit, reconciled)
    settle = min(timedelta(seconds=SETTLE_SECONDS), quiet)

    def still(period: timedelta) -> bool:
        return now - since >= period or _old_enough(deposit, now, clock_offset, period)

    if not half and not reconciled.differing:
        if marked:
            return _complete("marker", deposit, reconciled, ignore)
        if reconciled.whole and not reconciled.absent:
            if _proved(reconciled, whole_files) or still(settle):
                return _complete("manifest", deposit, reconciled, ignore)
            return Waiting(Finding("DELIVERY-WAITING-SETTLE"), since, since + settle)
    if still(quiet):
        return _complete("quiet", deposit, reconciled, ignore, half, arrival.quiet_minutes)
    return Waiting(_reason(half, reconciled, arrival.quiet_minutes), since, since + quiet)


def unchanged_since(
    previous_digest: str | None, previous_since: datetime | None, digest: str, now: datetime
) -> datetime:
    """Since when a listing has been what it is: the time remembered where its digest is still the same, else now."""
    return previous_since if previous_since is not None and previous_digest == digest else now


def markers(deposit: Deposit, arrival: Arrival) -> tuple[Entry, ...]:
    """The marker files at the top of a delivery; names are compared without case."""
    names = {name.casefold() for name in arrival.marker_names}
    return tuple(entry for entry in deposit.entries if deposit.relative(entry).casefold() in names)


def half_uploaded(deposit: Deposit, reconciled: Reconciled) -> tuple[Entry, ...]:
    """The files whose names transfer programs give to half a file, but for those that a manifest lists by that
    name."""
    return tuple(
        entry for entry in deposit.entries if _is_half_name(entry.path) and entry.path not in reconciled.expected
    )


def administrative(
    deposit: Deposit, manifests: Sequence[Manifest], arrival: Arrival
) -> tuple[tuple[str, Finding], ...]:
    """The files that speak of the delivery and are no data: its manifests and markers, by path relative to the
    drop."""
    paths = {manifest.path for manifest in manifests if manifest.administrative}
    marked = {entry.path for entry in markers(deposit, arrival)}
    return tuple(
        (entry.path, Finding("DELIVERY-ADMINISTRATIVE"))
        for entry in deposit.entries
        if entry.path in marked or deposit.relative(entry) in paths
    )


def _proved(reconciled: Reconciled, whole_files: bool) -> bool:
    """Whether the first look alone shows that the manifest and all its files are whole."""
    if whole_files:
        return True
    said_all = not reconciled.unlisted and not reconciled.findings
    return said_all and all(expected.size is not None for expected in reconciled.expected.values())


def _old_enough(deposit: Deposit, now: datetime, clock_offset: float | None, period: timedelta) -> bool:
    """Whether the store's own times show that nothing changed for so long."""
    entries = (*deposit.entries, *(refusal.entry for refusal in deposit.refusals))
    if clock_offset is None or not entries:
        return False
    latest = max(entry.mtime_ns for entry in entries)
    there = (now - _EPOCH) / timedelta(microseconds=1) * 1000 + clock_offset * 1e9
    return there - latest >= period / timedelta(microseconds=1) * 1000


def _complete(
    by: Literal["manifest", "marker", "quiet"],
    deposit: Deposit,
    reconciled: Reconciled,
    ignore: set[str],
    half: Sequence[Entry] = (),
    quiet_minutes: int = 0,
) -> Complete:
    findings = list(reconciled.findings)
    if by == "quiet" and not reconciled.whole:
        findings.append(Finding("DELIVERY-BY-QUIET", values={"minutes": quiet_minutes}))
    if all(entry.path in ignore for entry in deposit.entries):
        findings.append(Finding("DELIVERY-EMPTY"))
    refused = [(entry.path, Finding("FILE-HALF-UPLOADED")) for entry in half]
    return Complete(by, reconciled, tuple(findings), (*reconciled.file_findings, *refused))


def _reason(half: Sequence[Entry], reconciled: Reconciled, quiet_minutes: int) -> Finding:
    values = {"minutes": quiet_minutes}
    if half or reconciled.differing:
        return Finding("DELIVERY-WAITING-UPLOAD", count=len(half) + len(reconciled.differing), values=values)
    if reconciled.absent:
        return Finding("DELIVERY-WAITING-ABSENT", count=len(reconciled.absent), values=values)
    return Finding("DELIVERY-WAITING-QUIET", values=values)


def _is_half_name(path: str) -> bool:
    name = path.rpartition("/")[2]
    if _HALF.fullmatch(name):
        return True
    # rsync adds six random characters; six digits, or a word of small letters, are rather an extension.
    random = name[-6:]
    return bool(_RSYNC.fullmatch(name)) and not random.isdigit() and not random.islower() and "sha256" not in random
