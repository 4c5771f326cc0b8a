"""Archives, unpacked without trusting them."""

import bz2
import gzip
import hashlib
import io
import os
import re
import resource
import signal
import struct
import subprocess
import sys
import tarfile
import time
import unicodedata
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collecte.challenge import ArchiveLimits
from collecte.receive import Unpacked, archive_kind, unpack
from tests.receive.builders import tar_of, zip_of
from tests.receive.test_drop import names

LIMITS = ArchiveLimits(members=1000, bytes=10_000_000, ratio=200)
RANDOM = os.urandom(5000)


def codes(result: Unpacked) -> list[str]:
    return [finding.code for finding in result.findings]


def inside(result: Unpacked) -> list[tuple[str, bytes | None, list[str]]]:
    """Path, bytes and findings of each member."""
    return [
        (m.path, None if m.target is None else m.target.read_bytes(), [f.code for f in m.findings])
        for m in result.members
    ]


def whole_refused(archive: Path, tmp_path: Path, code: str, limits: ArchiveLimits = LIMITS) -> None:
    result = unpack(archive, tmp_path / "out", limits)
    assert codes(result) == [code]
    assert result.findings[0].refuses
    assert result.members == ()
    assert list((tmp_path / "out").iterdir()) == []


ESCAPES = ["../x", "a/../../x", "/etc/passwd", "..\\x", "a\\..\\x", "C:\\x", "c:/x", "\\\\server\\x", ".."]


@pytest.mark.parametrize("name", ESCAPES)
def test_a_zip_with_a_path_that_escapes_is_refused_whole(name: str, tmp_path: Path) -> None:
    whole_refused(zip_of(tmp_path / "z", [("good", RANDOM), (name, b"evil")]), tmp_path, "ARCHIVE-PATH-ESCAPE")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "z"]


@pytest.mark.parametrize("name", ESCAPES)
def test_a_tar_with_a_path_that_escapes_is_refused_whole(name: str, tmp_path: Path) -> None:
    whole_refused(tar_of(tmp_path / "t", [("good", RANDOM), (name, b"evil")]), tmp_path, "ARCHIVE-PATH-ESCAPE")


def test_a_name_with_a_nul_in_a_zip_is_refused_whole(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "z", [("good", RANDOM), ("badX../x", b"evil")])
    path.write_bytes(path.read_bytes().replace(b"badX", b"bad\0"))
    whole_refused(path, tmp_path, "ARCHIVE-PATH-ESCAPE")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"V"]
)
def test_a_link_or_device_in_a_tar_is_refused_and_the_others_go_on(kind: bytes, tmp_path: Path) -> None:
    link = tarfile.TarInfo("link")
    link.type, link.linkname = kind, "/etc/passwd"
    archive = tar_of(tmp_path / "t", [("a", b"1"), (link, b""), ("link/b", b"2")])
    result = unpack(archive, tmp_path / "out", LIMITS)
    assert inside(result) == [("a", b"1", []), ("link", None, ["ARCHIVE-LINK"]), ("link/b", b"2", [])]
    assert not any(p.is_symlink() for p in (tmp_path / "out").iterdir())


def test_a_link_in_a_zip_is_refused_and_the_others_go_on(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z", "w") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("link/b", b"2")
    assert inside(unpack(tmp_path / "z", tmp_path / "out", LIMITS)) == [
        ("link", None, ["ARCHIVE-LINK"]),
        ("link/b", b"2", []),
    ]


@pytest.mark.parametrize("make", ["zip", "tar", "tar.gz", "tar.bz2"])
def test_every_kind_gives_its_members_with_their_digests(make: str, tmp_path: Path) -> None:
    content = [("a/IM1", RANDOM), ("b", b""), ("a/IM2", b"x" * 3_000)]
    archive = tmp_path / "archive"
    if make == "zip":
        zip_of(archive, [("a/", b""), *content])
    else:
        tar_of(archive, content, {"tar": "w", "tar.gz": "w:gz", "tar.bz2": "w:bz2"}[make])
    assert archive_kind(archive) == make[:3]
    result = unpack(archive, tmp_path / "out", LIMITS)
    assert result.findings == ()
    assert inside(result) == [(path, data, []) for path, data in content]
    assert [m.sha256 for m in result.members] == [hashlib.sha256(data).hexdigest() for _, data in content]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["m000001", "m000002", "m000003"]


@pytest.mark.parametrize("zeros", [1_000_000, 100_000_000])
def test_a_bomb_is_refused_before_it_fills_the_disk(zeros: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("b", "w") as member:
        for _ in range(zeros // 1_000_000):
            member.write(bytes(1_000_000))
    limits = ArchiveLimits(ratio=200)
    whole_refused(tmp_path / "z", tmp_path, "ARCHIVE-RATIO", limits)
    with gzip.open(tmp_path / "t", "wb") as tar:
        info = tarfile.TarInfo("b")
        info.size = zeros
        tar.write(info.tobuf())
        for _ in range(zeros // 1_000_000):
            tar.write(bytes(1_000_000))
        tar.write(bytes(1024 + -zeros % 512))
    whole_refused(tmp_path / "t", tmp_path, "ARCHIVE-RATIO", limits)


def test_more_bytes_than_the_challenge_allows_are_refused(tmp_path: Path) -> None:
    limits = ArchiveLimits(bytes=9_999)
    for archive in (
        zip_of(tmp_path / "z", [("a", RANDOM), ("b", RANDOM)]),
        tar_of(tmp_path / "t", [("a", RANDOM), ("b", RANDOM)]),
    ):
        whole_refused(archive, tmp_path, "ARCHIVE-TOO-LARGE", limits)
        assert codes(unpack(archive, tmp_path / "out", ArchiveLimits(bytes=10_000))) == []


def test_more_members_than_the_challenge_allows_are_refused(tmp_path: Path) -> None:
    many = [(f"f{i}", RANDOM[:9]) for i in range(11)]
    for archive in (zip_of(tmp_path / "z", many), tar_of(tmp_path / "t", many)):
        whole_refused(archive, tmp_path, "ARCHIVE-TOO-MANY-MEMBERS", ArchiveLimits(members=10))
        assert len(unpack(archive, tmp_path / "out", ArchiveLimits(members=11)).members) == 11


def test_the_limits_hold_for_nested_archives_together(tmp_path: Path) -> None:
    bomb = zip_of(tmp_path / "bomb", [("zeros", bytes(2_000_000))])
    outer = zip_of(tmp_path / "z", [("good", RANDOM), ("bomb.zip", bomb.read_bytes())])
    whole_refused(outer, tmp_path, "ARCHIVE-RATIO")
    inner = zip_of(tmp_path / "i", [(f"f{i}", RANDOM[:9]) for i in range(6)]).read_bytes()
    whole_refused(
        zip_of(tmp_path / "n", [("1", inner), ("2", inner)]),
        tmp_path,
        "ARCHIVE-TOO-MANY-MEMBERS",
        ArchiveLimits(members=10),
    )


def test_a_header_that_announces_little_and_holds_much_is_a_damaged_member(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "z", [("good", RANDOM), ("liar", bytes(50_000) + RANDOM)])
    data = path.read_bytes().replace(struct.pack("<I", 55_000), struct.pack("<I", 10))
    path.write_bytes(data)
    assert inside(unpack(path, tmp_path / "out", LIMITS))[1] == ("liar", None, ["ARCHIVE-MEMBER-DAMAGED"])
    path.write_bytes(data.replace(struct.pack("<I", 10), struct.pack("<I", 4_000_000_000)))
    assert inside(unpack(path, tmp_path / "out", LIMITS))[1] == ("liar", None, ["ARCHIVE-MEMBER-DAMAGED"])


def test_zip_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    data = zip_of(tmp_path / "z", [("a", RANDOM), ("b", RANDOM)]).read_bytes()
    second = data.index(b"PK\x03\x04", 4)
    start = data.index(b"PK\x01\x02")
    directory = bytearray(data[start:])
    entry = directory.index(b"PK\x01\x02", 4)
    assert struct.unpack_from("<I", directory, entry + 42) == (second,)
    struct.pack_into("<I", directory, entry + 42, 0)
    (tmp_path / "z").write_bytes(data[:start] + directory)
    whole_refused(tmp_path / "z", tmp_path, "ARCHIVE-OVERLAPS")


def test_two_zips_glued_together_do_not_lose_the_first_in_silence(tmp_path: Path) -> None:
    first = zip_of(tmp_path / "1", [("hidden", RANDOM)]).read_bytes()
    second = zip_of(tmp_path / "2", [("shown", RANDOM)]).read_bytes()
    (tmp_path / "z").write_bytes(first + second)
    whole_refused(tmp_path / "z", tmp_path, "ARCHIVE-OVERLAPS")


def test_two_tars_glued_together_do_not_lose_the_second_in_silence(tmp_path: Path) -> None:
    first = tar_of(tmp_path / "1", [("shown", RANDOM)]).read_bytes()
    (tmp_path / "t").write_bytes(first + tar_of(tmp_path / "2", [("hidden", RANDOM)]).read_bytes())
    whole_refused(tmp_path / "t", tmp_path, "ARCHIVE-DAMAGED")


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "z", [("a", RANDOM), ("b", RANDOM)])
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    whole_refused(path, tmp_path, "ARCHIVE-ENCRYPTED")


def test_a_zip_with_a_compression_that_we_do_not_read_is_refused(tmp_path: Path) -> None:
    whole_refused(zip_of(tmp_path / "l", [("a", RANDOM)], zipfile.ZIP_LZMA), tmp_path, "ARCHIVE-METHOD")
    path = zip_of(tmp_path / "z", [("a", RANDOM)])
    data = bytearray(path.read_bytes())
    struct.pack_into("<H", data, data.rindex(b"PK\x01\x02") + 10, 9)
    path.write_bytes(data)
    result = unpack(path, tmp_path / "out", LIMITS)
    assert codes(result) == ["ARCHIVE-METHOD"]
    assert "9" in result.findings[0].text("fr")


def test_a_zip_member_whose_sum_is_wrong_is_refused_and_the_others_go_on(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "z", [("a", RANDOM), ("b", b"intact")], zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    result = unpack(path, tmp_path / "out", LIMITS)
    assert inside(result) == [("a", None, ["ARCHIVE-MEMBER-DAMAGED"]), ("b", b"intact", [])]
    assert [m.number for m in result.members] == [1, 2]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["m000002"]


def test_broken_bzip2_in_a_zip_is_a_damaged_member_and_no_error_of_the_disk(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "z", [("a", RANDOM), ("b", b"intact")], zipfile.ZIP_BZIP2)
    data = bytearray(path.read_bytes())
    data[200] ^= 0xFF
    data[31 + 4] ^= 0xFF
    path.write_bytes(data)
    assert inside(unpack(path, tmp_path / "out", LIMITS))[0] == ("a", None, ["ARCHIVE-MEMBER-DAMAGED"])


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2"])
def test_a_tar_cut_anywhere_is_refused_whole(mode: str, tmp_path: Path) -> None:
    data = tar_of(tmp_path / "t", [("a", RANDOM), ("b", RANDOM), ("c", RANDOM)], mode).read_bytes()
    end = 3 * (512 + 5120) if mode == "w" else len(data) - 1
    for cut in {600, 5631, 5632, 5633, 6000, 2 * 5632, end - 1, end} if mode == "w" else {100, 2000, end - 8, end}:
        (tmp_path / "cut").write_bytes(data[:cut])
        whole_refused(tmp_path / "cut", tmp_path, "ARCHIVE-DAMAGED")


def test_a_zip_cut_anywhere_is_refused_whole(tmp_path: Path) -> None:
    data = zip_of(tmp_path / "z", [("a", RANDOM), ("b", RANDOM)]).read_bytes()
    for cut in (30, 4000, len(data) - 30, len(data) - 1):
        (tmp_path / "cut").write_bytes(data[:cut])
        whole_refused(tmp_path / "cut", tmp_path, "ARCHIVE-DAMAGED")


def test_a_broken_header_amid_a_tar_does_not_end_it_in_silence(tmp_path: Path) -> None:
    data = bytearray(tar_of(tmp_path / "t", [("a", RANDOM), ("b", RANDOM)]).read_bytes())
    data[512 + 5120 + 10] ^= 1
    (tmp_path / "t").write_bytes(data)
    whole_refused(tmp_path / "t", tmp_path, "ARCHIVE-DAMAGED")


def test_a_gzip_whose_sum_is_wrong_is_refused(tmp_path: Path) -> None:
    data = bytearray(tar_of(tmp_path / "t", [("a", RANDOM)], "w:gz").read_bytes())
    data[-6] ^= 1
    (tmp_path / "t").write_bytes(data)
    whole_refused(tmp_path / "t", tmp_path, "ARCHIVE-DAMAGED")


def test_archives_that_we_do_not_open_are_named_so(tmp_path: Path) -> None:
    for magic in (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07\x01", b"\xfd7zXZ\x00", b"PK\x07\x08PK\x03\x04"):
        (tmp_path / "x").write_bytes(magic + RANDOM)
        assert archive_kind(tmp_path / "x") == "foreign"
        whole_refused(tmp_path / "x", tmp_path, "ARCHIVE-FORMAT-UNKNOWN")


def test_documents_images_and_lone_gzips_are_no_archives(tmp_path: Path) -> None:
    documents = [
        zip_of(tmp_path / "docx", [("[Content_Types].xml", b"<x/>"), ("word/document.xml", b"<x/>")]),
        zip_of(tmp_path / "libreoffice.xlsx", [("xl/workbook.xml", b"<x/>"), ("[Content_Types].xml", b"<x/>")]),
        zip_of(tmp_path / "odt", [("mimetype", b"application/vnd.oasis.opendocument.text")], zipfile.ZIP_STORED),
        zip_of(tmp_path / "jar", [("META-INF/MANIFEST.MF", b"")]),
    ]
    (tmp_path / "nii.gz").write_bytes(gzip.compress(RANDOM))
    (tmp_path / "gz").write_bytes(b"\x1f\x8b" + RANDOM)
    (tmp_path / "bz2").write_bytes(b"BZh9" + RANDOM)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "zeros").write_bytes(bytes(1024))
    (tmp_path / "dicom").write_bytes(b"PK\x03\x04" + bytes(124) + b"DICM")
    others = [tmp_path / name for name in ("nii.gz", "gz", "bz2", "empty", "zeros", "dicom")]
    assert [archive_kind(path) for path in (*documents, *others)] == [None] * 10


@pytest.mark.parametrize("name", ["PK\x05\x06", "PK\x03\x04", "BZh9", "Rar!\x1a\x07", "7z"])
def test_a_tar_whose_first_name_looks_like_another_sign_is_a_tar(name: str, tmp_path: Path) -> None:
    assert archive_kind(tar_of(tmp_path / "t", [(name, b"")])) == "tar"


def test_a_nested_archive_is_unpacked_and_a_deeper_one_refused(tmp_path: Path) -> None:
    deepest = zip_of(tmp_path / "3", [("x", RANDOM)]).read_bytes()
    middle = tar_of(tmp_path / "2", [("IM2", b"two"), ("deep.zip", deepest)], "w:gz").read_bytes()
    outer = zip_of(tmp_path / "1", [("IM1", b"one"), ("inner.tar.gz", middle), ("IM3", b"three")])
    result = unpack(outer, tmp_path / "out", LIMITS)
    assert result.findings == ()
    assert [(m.number, m.path, m.archive, m.is_archive, [f.code for f in m.findings]) for m in result.members] == [
        (1, "IM1", None, False, []),
        (2, "inner.tar.gz", None, True, []),
        (3, "IM2", 2, False, []),
        (4, "deep.zip", 2, False, ["ARCHIVE-NESTED-TOO-DEEP"]),
        (5, "IM3", None, False, []),
    ]


def test_a_nested_archive_that_is_refused_leaves_nothing_of_itself_behind(tmp_path: Path) -> None:
    hostile = zip_of(tmp_path / "h", [("good", RANDOM), ("../x", b"")]).read_bytes()
    cut = tar_of(tmp_path / "c", [("a", RANDOM), ("b", RANDOM)]).read_bytes()[:9000]
    empty = zip_of(tmp_path / "e", []).read_bytes()
    outer = tar_of(
        tmp_path / "t",
        [("h.zip", hostile), ("c.tar", cut), ("e.zip", empty), ("x.7z", b"7z\xbc\xaf\x27\x1c"), ("IM1", b"1")],
    )
    result = unpack(outer, tmp_path / "out", LIMITS)
    assert [(path, found) for path, _, found in inside(result)] == [
        ("h.zip", ["ARCHIVE-PATH-ESCAPE"]),
        ("c.tar", ["ARCHIVE-DAMAGED"]),
        ("e.zip", ["ARCHIVE-EMPTY"]),
        ("x.7z", ["ARCHIVE-FORMAT-UNKNOWN"]),
        ("IM1", []),
    ]
    assert not any(m.is_archive for m in result.members)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f"m00000{i}" for i in range(1, 6)]


def test_an_empty_archive_is_refused(tmp_path: Path) -> None:
    assert codes(unpack(zip_of(tmp_path / "z", [("folder/", b"")]), tmp_path / "out", LIMITS)) == ["ARCHIVE-EMPTY"]
    assert codes(unpack(zip_of(tmp_path / "z", []), tmp_path / "out", LIMITS)) == ["ARCHIVE-EMPTY"]


def test_bytes_under_the_name_of_a_folder_are_not_lost(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "z", [("empty/", b""), ("folder/", b"bytes")])
    assert inside(unpack(archive, tmp_path / "out", LIMITS)) == [("folder", b"bytes", [])]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_path_are_both_kept_with_a_warning(tmp_path: Path) -> None:
    for archive in (
        zip_of(tmp_path / "z", [("a", b"1"), ("a", b"2")]),
        tar_of(tmp_path / "t", [("a", b"1"), ("./a", b"2")]),
    ):
        result = unpack(archive, tmp_path / "out", LIMITS)
        assert [(path, data) for path, data, _ in inside(result)] == [("a", b"1"), ("a", b"2")]
        assert [(f.code, f.count, f.refuses) for f in result.findings] == [("ARCHIVE-MEMBER-TWICE", 1, False)]


@pytest.mark.parametrize(
    ("raw", "system", "read"),
    [
        ("été.dcm".encode("cp850"), 0, "été.dcm"),
        ("ÉTÉ À.dcm".encode("cp850"), 0, "ÉTÉ À.dcm"),
        (unicodedata.normalize("NFD", "été").encode(), 3, unicodedata.normalize("NFD", "été")),
        ("été".encode("latin-1"), 3, "été".encode("latin-1").decode("utf-8", "surrogateescape")),
        (b"dossier\\IM1", 0, "dossier/IM1"),
        (b"dossier\\IM1", 3, "dossier\\IM1"),
        (b"-rf \n\x01", 3, "-rf \n\x01"),
    ],
)
def test_legacy_names_in_a_zip_survive(raw: bytes, system: int, read: str, tmp_path: Path) -> None:
    info = zipfile.ZipInfo("n" * len(raw))
    info.create_system = system
    with zipfile.ZipFile(tmp_path / "z", "w") as archive:
        archive.writestr(info, RANDOM)
    data = (tmp_path / "z").read_bytes().replace(b"n" * len(raw), raw)
    (tmp_path / "z").write_bytes(data)
    assert inside(unpack(tmp_path / "z", tmp_path / "out", LIMITS)) == [(read, RANDOM, [])]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(paths=st.lists(st.lists(names, min_size=1, max_size=3).map("/".join), min_size=1, max_size=5, unique=True))
def test_every_name_survives_a_tar(paths: list[str], tmp_path: Path) -> None:
    escaping = re.compile(r"[\\]|[A-Za-z]:[/\\]|(.*[/\\])?\.\.([/\\].*)?$", re.DOTALL)
    paths = [path for path in paths if not escaping.match(path)]
    archive = tar_of(tmp_path / "t", [(path, RANDOM[:9]) for path in [*paths, "plain"]])
    result = unpack(archive, tmp_path / "out", LIMITS)
    assert [m.path for m in result.members] == [*paths, "plain"]


def test_run_again_gives_the_same_members_and_removes_what_a_killed_run_left(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "z", [("b", RANDOM), ("a", b"1")])
    first = unpack(archive, tmp_path / "out", LIMITS)
    (tmp_path / "out" / "m000007").write_bytes(b"left over")
    (tmp_path / "out" / "m000001.0123abcd.part").write_bytes(b"left over")
    (tmp_path / "out" / "notes").write_bytes(b"of somebody else")
    again = unpack(archive, tmp_path / "out", LIMITS)
    assert again == first
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["m000001", "m000002", "notes"]
    assert inside(again) == inside(first)


def test_killed_amid_unpacking_and_run_again_gives_what_an_undisturbed_run_gives(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "t", [(f"IM{i}", os.urandom(200_000)) for i in range(300)])
    limits = ArchiveLimits()
    program = (
        "import sys; from pathlib import Path; from collecte.receive import unpack; "
        "from collecte.challenge import ArchiveLimits; print('go', flush=True); "
        "unpack(Path(sys.argv[1]), Path(sys.argv[2]), ArchiveLimits())"
    )
    child = subprocess.Popen([sys.executable, "-c", program, archive, tmp_path / "out"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    while child.poll() is None and not (tmp_path / "out" / "m000020").exists():
        time.sleep(0.002)
    os.kill(child.pid, signal.SIGKILL)
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL, "it ended before it could be killed"
    assert len(list((tmp_path / "out").iterdir())) < 300
    again = unpack(archive, tmp_path / "out", limits)
    assert [m.sha256 for m in again.members] == [m.sha256 for m in unpack(archive, tmp_path / "x", limits).members]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(p.name for p in (tmp_path / "x").iterdir())


def test_a_full_disk_is_an_error_of_ours_and_no_finding(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "z", [("a", RANDOM)])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            unpack(archive, tmp_path / "out", LIMITS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    assert list((tmp_path / "out").iterdir()) == []


PEAK = """
import resource, sys
from pathlib import Path
from collecte.challenge import ArchiveLimits
from collecte.receive import unpack
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
result = unpack(Path(sys.argv[1]), Path(sys.argv[2]), ArchiveLimits())
print(result.findings[0].code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def peak(archive: Path, out: Path) -> tuple[str, bool]:
    """The finding, and whether unpacking in a process of its own took less than 100 MB of memory."""
    done = subprocess.run([sys.executable, "-c", PEAK, archive, out], capture_output=True, text=True, check=True)
    code, kilobytes = done.stdout.split()
    return code, int(kilobytes) < 100_000


def _pax(records: bytes) -> bytes:
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, len(records)
    return info.tobuf() + records + bytes(-len(records) % 512)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
def test_a_tar_header_that_announces_gigabytes_does_not_fill_the_memory(kind: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, 400_000_000
    with gzip.open(tmp_path / "t", "wb", compresslevel=1) as tar:
        tar.write(info.tobuf())
        for _ in range(400):
            tar.write(bytes(1_000_000))
    assert peak(tmp_path / "t", tmp_path / "out") == ("ARCHIVE-DAMAGED", True)


def test_a_member_that_is_read_over_counts_too(tmp_path: Path) -> None:
    label = tarfile.TarInfo("label")
    label.type = b"V"
    tar_of(tmp_path / "t", [("a", b"1"), (label, bytes(5_000_000)), ("b", b"2")], "w:gz")
    whole_refused(tmp_path / "t", tmp_path, "ARCHIVE-RATIO")


def test_a_sparse_member_that_is_nothing_but_holes_is_refused_by_its_growth(tmp_path: Path) -> None:
    records = b"".join(
        b"%d %s\n" % (len(r) + 4, r) for r in (b"GNU.sparse.size=99999999999", b"GNU.sparse.numblocks=1")
    )
    records += b"".join(b"%d %s\n" % (len(r) + 4, r) for r in (b"GNU.sparse.map=99999999999,0",))
    (tmp_path / "t").write_bytes(_pax(records) + tarfile.TarInfo("holes").tobuf() + bytes(1024))
    result = unpack(tmp_path / "t", tmp_path / "out", LIMITS)
    assert codes(result) in (["ARCHIVE-RATIO"], ["ARCHIVE-TOO-LARGE"])


def test_a_zip_directory_that_announces_gigabytes_does_not_fill_the_memory(tmp_path: Path) -> None:
    with (tmp_path / "z").open("wb") as file:
        file.write(b"PK\x03\x04" + bytes(26))
        file.truncate(3_000_000_000)
        file.seek(0, os.SEEK_END)
        file.write(struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, 2_900_000_000, 100_000_000, 0))
    assert peak(tmp_path / "z", tmp_path / "out") == ("ARCHIVE-DAMAGED", True)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data(), kind=st.sampled_from(["zip", "w", "w:gz", "w:bz2"]))
def test_no_flipped_bytes_make_it_raise_or_leave_the_sum_wrong(data: st.DataObject, kind: str, tmp_path: Path) -> None:
    content = [("a", RANDOM[:700]), ("d/b", b"x" * 600), ("c", b"")]
    made = zip_of(tmp_path / "a", content) if kind == "zip" else tar_of(tmp_path / "a", content, kind)
    raw = bytearray(made.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    made.write_bytes(raw)
    result = unpack(made, tmp_path / "out", LIMITS)
    kept = [m for m in result.members if m.target is not None]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f"m{m.number:06d}" for m in kept]
    for member in kept:
        assert member.target is not None
        assert hashlib.sha256(member.target.read_bytes()).hexdigest() == member.sha256
    assert [m.number for m in result.members] == list(range(1, len(result.members) + 1))


def test_members_name_nobody(tmp_path: Path) -> None:
    result = unpack(zip_of(tmp_path / "z", [("DUPONT_Jean", b"1")]), tmp_path / "out", LIMITS)
    assert "DUPONT" not in repr(result) + repr(result.members)


def test_trailing_zeros_of_a_compressed_tar_count_too(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a"))
    packed = zlib.compressobj(wbits=31)
    (tmp_path / "t").write_bytes(packed.compress(stream.getvalue() + bytes(20_000_000)) + packed.flush())
    whole_refused(tmp_path / "t", tmp_path, "ARCHIVE-RATIO")
    (tmp_path / "b").write_bytes(bz2.compress(stream.getvalue() + bytes(5_000_000)))
    whole_refused(tmp_path / "b", tmp_path, "ARCHIVE-RATIO")
