"""Each finding that receipt can raise, raised by what raises it, in both languages, with its remedy."""

import hashlib
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from collecte import receive
from collecte.challenge import ArchiveLimits, Arrival
from collecte.findings import Finding
from collecte.receive import Complete, Manifest, completeness, deliveries, parse_manifest, unpack
from collecte.records import State
from tests.receive.builders import NOON, Item, deposit, tar_of, zip_of

HEX = hashlib.sha256(b"").hexdigest()
DECLARED = yaml.safe_load(Path(receive.__file__).with_name("findings.yaml").read_text("utf-8"))


def listing(*items: Item) -> list[Finding]:
    return [refusal.finding for d in deliveries(items) for refusal in d.refusals]


def look(*items: Item | str, manifests: Iterable[Manifest] = (), quiet: bool = False) -> list[Finding]:
    since = NOON - timedelta(days=1) if quiet else None
    answer = completeness(deposit(*items), tuple(manifests), Arrival(), since, NOON)
    if isinstance(answer, Complete):
        return [*answer.findings, *(finding for _, finding in answer.file_findings)]
    return [answer.finding]


def sums(text: str) -> list[Manifest]:
    return [parse_manifest(text.encode(), "SHA256SUMS")]


def opened(archive: Path, **limits: int) -> list[Finding]:
    result = unpack(archive, archive.with_name("out"), ArchiveLimits(**limits))
    return [*result.findings, *(finding for member in result.members for finding in member.findings)]


def changed(archive: Path, offset: int, value: bytes) -> Path:
    """The same zip with some bytes of its first directory entry changed."""
    data = bytearray(archive.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + offset : entry + offset + len(value)] = value
    archive.write_bytes(data)
    return archive


def link(path: Path) -> Path:
    info = tarfile.TarInfo("link")
    info.type, info.linkname = tarfile.SYMTYPE, "x"
    return tar_of(path, [(info, b"")])


def nested(path: Path) -> Path:
    content = b"x"
    for _ in range(3):
        content = zip_of(path, [("inner", content)]).read_bytes()
    return path


def said(finding: Finding | None) -> list[Finding]:
    return [] if finding is None else [finding]


ONE = [("a", b"a")]
TEN = [(str(i), b"") for i in range(10)]

#: code → what raises it. The archive's path is a fresh one.
CASES: dict[str, Callable[[Path], list[Finding]]] = {
    "DROP-SYMLINK": lambda _: listing(Item("a/b", kind="symlink")),
    "DROP-SPECIAL-FILE": lambda _: listing(Item("a/b", kind="special")),
    "DROP-PATH-UNSAFE": lambda _: listing(Item("a/../b")),
    "DELIVERY-WAITING-QUIET": lambda _: look("a"),
    "DELIVERY-WAITING-ABSENT": lambda _: look("a", manifests=sums(f"{HEX}  a\n{HEX}  b\n")),
    "DELIVERY-WAITING-UPLOAD": lambda _: look("a.part"),
    "DELIVERY-WAITING-SETTLE": lambda _: look("a", manifests=sums(f"{HEX}  a\n")),
    "DELIVERY-BY-QUIET": lambda _: look("a", quiet=True),
    "DELIVERY-EMPTY": lambda _: look(".done"),
    "DELIVERY-ADMINISTRATIVE": lambda _: [f for _, f in receive.administrative(deposit(".done"), (), Arrival())],
    "MANIFEST-UNREADABLE": lambda _: look("a", manifests=sums(""), quiet=True),
    "MANIFEST-LINE-UNREADABLE": lambda _: look("a", manifests=sums(f"?\n{HEX}  a\n"), quiet=True),
    "MANIFEST-LINES-DISAGREE": lambda _: look("a", manifests=sums(f"{HEX}  a\n{HEX[::-1]}  a\n"), quiet=True),
    "MANIFEST-FILE-ABSENT": lambda _: look("a", manifests=sums(f"{HEX}  a\n{HEX}  b\n"), quiet=True),
    "MANIFEST-FILE-UNLISTED": lambda _: look("a", "b", manifests=sums(f"{HEX}  a\n"), quiet=True),
    "MANIFEST-SIZE-DIFFERS": lambda _: look(
        "a", manifests=[parse_manifest(b"file;size\na;9\n", "manifest.csv")], quiet=True
    ),
    "MANIFEST-HASH-DIFFERS": lambda _: said(receive.verify_digest(f"sha256:{HEX}", {"sha256": HEX[::-1]})),
    "ARCHIVE-PATH-ESCAPE": lambda path: opened(zip_of(path, [("../a", b"")])),
    "ARCHIVE-TOO-MANY-MEMBERS": lambda path: opened(zip_of(path, TEN), members=9),
    "ARCHIVE-TOO-LARGE": lambda path: opened(zip_of(path, [("a", b"ab")]), bytes=1),
    "ARCHIVE-RATIO": lambda path: opened(zip_of(path, [("a", bytes(10**6))])),
    "ARCHIVE-ENCRYPTED": lambda path: opened(changed(zip_of(path, ONE), 8, b"\1")),
    "ARCHIVE-DAMAGED": lambda path: opened(cut(tar_of(path, ONE))),
    "ARCHIVE-OVERLAPS": lambda path: opened(changed(zip_of(path, ONE), 20, struct.pack("<I", 10**6))),
    "ARCHIVE-METHOD": lambda path: opened(zip_of(path, ONE, zipfile.ZIP_LZMA)),
    "ARCHIVE-FORMAT-UNKNOWN": lambda path: opened(written(path, b"Rar!\x1a\x07\x01")),
    "ARCHIVE-NESTED-TOO-DEEP": lambda path: opened(nested(path)),
    "ARCHIVE-LINK": lambda path: opened(link(path)),
    "ARCHIVE-MEMBER-DAMAGED": lambda path: opened(changed(zip_of(path, ONE), 16, b"\0\0\0\0")),
    "ARCHIVE-MEMBER-TWICE": lambda path: opened(tar_of(path, ONE * 2)),
    "ARCHIVE-EMPTY": lambda path: opened(zip_of(path, [])),
    "ARCHIVE-UNPACKED": lambda path: said(unpack(zip_of(path, TEN), path.with_name("out"), ArchiveLimits()).counted),
    "ARCHIVE-NOT-UNPACKED": lambda _: [receive.not_unpacked()],
    "FILE-HALF-UPLOADED": lambda _: look("a.part", quiet=True),
    "FILE-CHANGED-WHILE-READ": lambda _: [receive.changed_while_read()],
    "FILE-VANISHED": lambda _: [receive.vanished()],
    "FILE-EMPTY": lambda _: [receive.empty()],
    "FILE-UNREADABLE": lambda _: [receive.unreadable()],
    "FILE-DUPLICATE": lambda _: said(receive.same_bytes(State.ACCEPTED, same_centre=True).finding),
    "FILE-DUPLICATE-OTHER-CENTRE": lambda _: said(receive.same_bytes(State.ACCEPTED, same_centre=False).finding),
    "FILE-RECALLED": lambda _: said(receive.same_bytes(State.RECALLED, same_centre=True).finding),
    "FILE-SUPERSEDED": lambda _: [receive.Correction(1, 2, "path").finding()],
    "FILE-TWO-VERSIONS": lambda _: [receive.Correction(1, 2, "identity", beside=True).finding()],
    "FILE-OF-TWO-SUBJECTS": lambda _: [receive.of_two_subjects()],
    "FILE-CORRECTED-AFTER-RELEASE": lambda _: [receive.after_release()],
    "FILE-TYPE-UNKNOWN": lambda _: [receive.type_unknown()],
    "FILE-KIND-NOT-ALLOWED": lambda _: [receive.kind_not_allowed("table")],
    "OBJECT-HELD-BACK": lambda _: [receive.object_held_back()],
}


def cut(archive: Path) -> Path:
    return written(archive, archive.read_bytes()[:700])


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_every_declared_finding_has_a_case_here() -> None:
    assert set(CASES) == set(DECLARED)


def test_the_code_names_no_finding_that_is_not_declared() -> None:
    sources = "".join(path.read_text("utf-8") for path in Path(receive.__file__).parent.glob("*.py"))
    assert set(re.findall(r'Finding\(\s*"([A-Z-]+)"', sources)) <= set(DECLARED)


@pytest.mark.parametrize("code", CASES)
def test_each_finding_is_raised_and_says_in_both_languages_what_to_do(code: str, tmp_path: Path) -> None:
    raised = {finding.code: finding for finding in CASES[code](tmp_path / "archive")}
    assert code in raised, f"raised only {sorted(raised)}"
    finding = raised[code]
    texts = [finding.text("fr"), finding.text("en"), finding.remedy("fr"), finding.remedy("en")]
    assert all(len(text) > 10 and "{" not in text for text in texts)
    assert finding.text("fr") != finding.text("en")
    assert finding.remedy("fr") != finding.remedy("en")
