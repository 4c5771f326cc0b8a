"""A delivery's listing held against its manifests: what is expected of which file, what is absent, what nobody listed.

Names are compared exactly, then as Unicode would have them (NFC), then without case, and only where one file alone
fits; never by a bare name.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from collecte.findings import Finding
from collecte.receive.drop import Deposit, Entry
from collecte.receive.manifest import Expected, Manifest, clean, lines_place, readable

_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:[/\\]?")


@dataclass(frozen=True)
class Reconciled:
    """A listing held against its manifests. IDENTIFYING: all but ``findings``.

    ``expected``: for the path (relative to the drop) of a listed file, what is expected of it. ``absent``: names that
    are listed and not there. ``differing``: paths whose size is not the listed one. ``unlisted``: paths that no
    manifest names, where one speaks for the whole delivery. ``findings`` are the delivery's, ``file_findings`` those
    of one path.
    """

    expected: Mapping[str, Expected] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    whole: bool = False
    findings: tuple[Finding, ...] = ()
    file_findings: tuple[tuple[str, Finding], ...] = ()

    def __repr__(self) -> str:
        return f"Reconciled({len(self.expected)} expected, {len(self.absent)} absent, {len(self.unlisted)} unlisted)"


def reconcile(deposit: Deposit, manifests: Iterable[Manifest], ignore: Iterable[str] = ()) -> Reconciled:
    """A delivery's listing held against its manifests (the first that names a file decides).

    ``ignore``: paths relative to the drop that no manifest needs to name: the manifests themselves and the markers.
    """
    manifests = tuple(manifests)
    if not manifests:
        return Reconciled()
    present = (*deposit.entries, *(refusal.entry for refusal in deposit.refusals))
    found = {deposit.relative(entry): entry for entry in present}
    expected: dict[str, Expected] = {}
    absent: dict[str, int] = {}
    whole = False
    for manifest in manifests:
        matched, missing = _match(manifest, found, deposit.folder)
        # `sha256sum * > SHA256SUMS` lists the manifest itself, unfinished: what it says of itself cannot be true.
        matched.pop(manifest.path, None)
        for relative, said in matched.items():
            expected.setdefault(found[relative].path, said)
        absent.update(missing)
        whole = whole or (manifest.whole and bool(matched or missing))
    ignored = set(ignore)
    unlisted = tuple(
        entry.path for entry in deposit.entries if whole and entry.path not in expected and entry.path not in ignored
    )
    differing = tuple(
        entry.path
        for entry in deposit.entries
        if entry.path in expected and expected[entry.path].size not in (None, entry.size)
    )
    findings = [finding for manifest in manifests for finding in manifest.findings]
    if absent:
        findings.append(Finding("MANIFEST-FILE-ABSENT", place=lines_place(absent.values()), count=len(absent)))
    file_findings = [(path, Finding("MANIFEST-FILE-UNLISTED")) for path in unlisted]
    # Where a digest is given too, it decides: a size in kilobytes does not make the bytes wrong.
    file_findings += [(path, Finding("MANIFEST-SIZE-DIFFERS")) for path in differing if not expected[path].hex]
    return Reconciled(expected, tuple(absent), differing, unlisted, whole, tuple(findings), tuple(file_findings))


def verify_digest(expected: str, digests: Mapping[str, str]) -> Finding | None:
    """The finding of a file whose bytes are not those of the manifest, or None.

    ``expected``: ``algorithm:hex``, as :attr:`Expected.digest` gives it. ``digests``: hex by algorithm, as received.

    Raises:
        KeyError: the algorithm is not among ``digests``.
    """
    algorithm, _, wanted = expected.partition(":")
    return None if digests[algorithm].lower() == wanted else Finding("MANIFEST-HASH-DIFFERS")


def replaced_paths(deposit: Deposit, base: str, replaces: str) -> tuple[str, ...]:
    """The paths relative to the drop that a manifest's ``replaces`` may mean: within its own folder, or from the
    drop's top. ``base`` is the manifest's.
    """
    cleaned = clean(replaces.replace("\\", "/"))
    within = "/".join(part for part in ("" if deposit.loose else deposit.folder, base, cleaned) if part)
    return tuple(dict.fromkeys((within, cleaned)))


def _match(manifest: Manifest, found: Mapping[str, Entry], folder: str) -> tuple[dict[str, Expected], dict[str, int]]:
    """What is expected of each path of the listing, and the lines of the names that fit none."""
    wanted = dict(zip(_within_delivery(manifest, found, folder), manifest.entries.values(), strict=True))
    matched: dict[str, Expected] = {}
    left = set(found)
    for form in (clean, _unicode, _caseless):
        for name, relative in _unambiguous(wanted, left, form):
            matched[relative] = wanted.pop(name)
            left.discard(relative)
    return matched, {name: expected.line for name, expected in wanted.items()}


def _unambiguous(names: Iterable[str], paths: Iterable[str], form: Callable[[str], str]) -> list[tuple[str, str]]:
    """Pairs of a name and a path that are alike under ``form``, where no other name and no other path is."""
    by_form: dict[str, list[str]] = {}
    for path in paths:
        by_form.setdefault(form(path), []).append(path)
    claims: dict[str, list[str]] = {}
    for name in names:
        claims.setdefault(form(name), []).append(name)
    return [
        (claimants[0], by_form[key][0])
        for key, claimants in claims.items()
        if len(claimants) == 1 and len(by_form.get(key, ())) == 1
    ]


def _within_delivery(manifest: Manifest, found: Mapping[str, Entry], folder: str) -> Iterator[str]:
    """The names of a manifest as paths within the delivery: without the root of the machine it was made on, or without
    the delivery's own folder, where they were listed with it."""
    names = list(manifest.entries)
    prefix = f"{manifest.base}/" if manifest.base else ""
    known = {_caseless(path) for path in found}
    skip = _root(names, known, prefix)
    for name in names:
        if skip is not None:
            yield prefix + "/".join(_parts(name)[skip:])
            continue
        inside = clean(name).removeprefix(f"{folder}/")
        if inside != clean(name) and _caseless(prefix + clean(name)) not in known:
            yield prefix + inside
        else:
            yield prefix + clean(name)


def _root(names: list[str], known: set[str], prefix: str) -> int | None:
    """How many leading parts of absolute names (``C:\\export\\…``) are the other machine's: those that leave the most
    files of this delivery. None where the names are relative."""
    if not names or not all(_ABSOLUTE.match(name) for name in names):
        return None
    parts = [_parts(name) for name in names]
    shortest = min(map(len, parts))
    common = next((i for i in range(shortest - 1) if len({part[i] for part in parts}) > 1), shortest - 1)
    return max(
        range(common + 1), key=lambda skip: sum(_caseless(prefix + "/".join(part[skip:])) in known for part in parts)
    )


def _parts(name: str) -> list[str]:
    return [part for part in name.replace("\\", "/").split("/") if part]


def _unicode(name: str) -> str:
    """A name as Unicode would have it: NFC, bytes that are no UTF-8 read as Latin-1, ``/`` between folders."""
    return unicodedata.normalize("NFC", readable(clean(name))).replace("\\", "/").rstrip("\r")


def _caseless(name: str) -> str:
    return unicodedata.normalize("NFC", _unicode(name).casefold())
