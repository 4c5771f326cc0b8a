"""Small files that would become large: in a process of its own, whose memory and processor time have a limit."""

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom.encaps import encapsulate

from collecte.frames import Undecodable, frames
from tests.formats.dicom.builders import element, slice_of, written
from tests.formats.dicom.fuzzing import a_slice
from tests.formats.dicom.mutants import data_set_of, places

DEFLATED = b"1.2.840.10008.1.2.1.99"
#: Megabytes that a file may take beyond what the process has when it begins, and its seconds of processor time. The
#: largest frame that is decoded has 256 MB, and a header as much.
MEGABYTES, SECONDS = 1500, 100
RUN = """
import resource, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from collecte.formats.dicom import mask
from collecte.frames import Undecodable, encode, opened
from collecte.records import Box
from collecte.residual.pixel_text import look_at_pixels
from tests.formats.dicom.fuzzing import Trial
import collecte.residual, imagecodecs, pydicom.filereader
folder = Path(sys.argv[1])
(folder / "work").mkdir()
trial = Trial(folder / "work")
here = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (here + (%d << 20),) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (%d,) * 2)
masked, safe = folder / "masked", folder / "work" / "out.dcm"
for source in sorted(folder.glob("in*")):
    print(*trial.run(source.read_bytes()).codes or ["written"], flush=True)
    for path in (path for path in (source, safe) if path.exists()):
        try:
            with opened(path) as reader:
                reader.frame(0)
            look_at_pixels(path)
        except Undecodable:
            pass
        found = mask.mask(path, masked, {0: [Box(0, 0, 4, 4)]})
        assert masked.exists() != any(finding.refuses for finding in found.findings)
        assert not list(folder.glob("*.part*"))
        masked.unlink(missing_ok=True)
"""


def codes_of(files: Iterable[bytes], folder: Path) -> list[str]:
    """What the whole way says of each file; frames are read and masked, too."""
    for number, data in enumerate(files):
        (folder / f"in{number:02}").write_bytes(data)
    root = Path(__file__).parents[3]
    run = subprocess.run(
        [sys.executable, "-c", RUN % (MEGABYTES, SECONDS), folder, root, root / "include"],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert run.returncode == 0, f"{run.returncode}: {run.stdout} {run.stderr[-2000:]}"
    return run.stdout.splitlines()


def packed(data: bytes, tag: int, pieces: Iterable[bytes]) -> bytes:
    """A file, deflated, with something long put before the element of a tag."""
    start, _ = data_set_of(data)
    meta = next(place for place in places(data) if place.tag == 0x00020010)
    outer = [place for place in places(data) if place.start >= start and not place.depth]
    at = next((place.start for place in outer if place.tag >= tag), len(data))
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    head = meta.with_length(data[: meta.value] + DEFLATED + data[meta.end : start], len(DEFLATED))
    inner = [data[start:at], *pieces, data[at:]]
    return head + b"".join(map(packer.compress, inner)) + packer.flush()


def long_text(folder: Path) -> bytes:
    """Sixty million values of no length, under a VR that has no limit."""
    head = element(0x00081030, "UT", b"", length=64 << 20)
    return packed(a_slice(folder), 0x00081040, [head, *[b"\\" * (1 << 20)] * 64])


def many_elements(folder: Path) -> bytes:
    """As many as there are tags."""
    groups = range(0x3001, 0x3041, 2)
    pieces = (
        b"".join(struct.pack("<HH2sH", group, number, b"LO", 0) for number in range(0x1000, 0xFFFF)) for group in groups
    )
    return packed(a_slice(folder), 0x7FE00010, pieces)


BOMBS: Mapping[Callable[[Path], bytes], str] = {
    long_text: "written",
    many_elements: "DICOM-UNREADABLE",
}


def test_what_is_small_and_becomes_hundreds_of_megabytes(tmp_path: Path) -> None:
    files = [make(tmp_path) for make in BOMBS]
    assert all(len(data) < 12 << 20 for data in files)
    assert codes_of(files, tmp_path) == list(BOMBS.values())


JPEG, PROGRESSIVE, JPEG_LS, J2K = (f"1.2.840.10008.1.2.4.{number}" for number in (50, 55, 80, 90))
RLE, DEFLATED_FRAME = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"
#: Rows and columns: the most that an image can say, and about the most that are decoded.
MOST, MANY = 0xFFFF, 8_000
GREY = np.zeros((16, 16), np.uint8)


def image_of(folder: Path, syntax: str, side: int, data: bytes, frames: int = 1) -> bytes:
    """A file that says that it has so many rows and columns; ``data`` is each of its frames."""
    image = slice_of(Rows=side, Columns=side, BitsAllocated=8, BitsStored=8, HighBit=7)
    image.file_meta.TransferSyntaxUID = J2K if syntax == DEFLATED_FRAME else syntax
    image.PixelData = encapsulate([data] * frames)
    image["PixelData"].VR, image["PixelData"].is_undefined_length = "OB", True
    path = written(image, folder / "made")
    name = DEFLATED_FRAME.encode() + b"\0" * (len(J2K) - len(DEFLATED_FRAME))  # pydicom does not know it yet
    return path.read_bytes().replace(J2K.encode(), name, 1) if syntax == DEFLATED_FRAME else path.read_bytes()


def resized(data: Any, marker: bytes, at: int, form: str, *sizes: int) -> bytes:
    """A codestream whose header tells another size: what its marker segment has at this place."""
    stream = bytearray(data)
    struct.pack_into(form, stream, stream.index(marker) + at, *sizes)
    return bytes(stream)


def of_zeros(size: int) -> bytes:
    """So many zeros, in runs of 128 (PS3.5, annex G.3)."""
    return struct.pack("<16L", 1, 64, *[0] * 14) + b"\x81\0" * -(-size // 128)


def deflated(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(bytes(size)) + packer.flush()


def of_scans(side: int, count: int) -> bytes:
    """A progressive JPEG of one grey, whose blocks are all refined so many times, in a few bytes each time (ISO/IEC
    10918-1, annex G: a run of 16,384 blocks is 15 bits)."""
    blocks = (side // 8) ** 2
    tables = segment(0xDB, b"\0" + b"\1" * 64), segment(0xC2, struct.pack(">BHHB3B", 8, side, side, 1, 1, 0x11, 0))
    codes = segment(0xC4, b"\0\1" + bytes(15) + b"\0" + b"\x10\1" + bytes(15) + b"\xe0")
    first = segment(0xDA, bytes((1, 1, 0, 0, 0, 0))) + bytes(-(-blocks // 8))
    more = segment(0xDA, bytes((1, 1, 0, 1, 63, 0))) + bytes(-(-15 * -(-blocks // 16384) // 8))
    return b"".join((b"\xff\xd8", *tables, codes, first, more * count, b"\xff\xd9"))


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


SOF, SOF55, SIZ = b"\xff\xc0", b"\xff\xf7", b"\xff\x51"
SIZES: Mapping[str, Callable[[int], bytes]] = {
    JPEG: lambda side: resized(imagecodecs.jpeg8_encode(GREY), SOF, 5, ">HH", side, side),
    JPEG_LS: lambda side: resized(imagecodecs.jpegls_encode(GREY), SOF55, 5, ">HH", side, side),
    J2K: lambda side: resized(
        imagecodecs.jpeg2k_encode(GREY, codecformat="j2k"), SIZ, 6, ">6L", side, side, 0, 0, side, side
    ),
    RLE: lambda side: of_zeros(min(side * side, 1 << 27)),
    DEFLATED_FRAME: lambda side: deflated(min(side * side, 1 << 28)),
}


def test_a_jpeg_that_is_refined_again_and_again(tmp_path: Path) -> None:
    few, many = of_scans(64, 20), of_scans(MANY, 50_000)  # an hour, if they were read
    files = [image_of(tmp_path, PROGRESSIVE, 64, few), image_of(tmp_path, PROGRESSIVE, MANY, many)]
    assert codes_of(files, tmp_path) == ["written"] * 2
    ((_, frame),) = frames(tmp_path / "in00")
    assert (frame == 128).all()
    with pytest.raises(Undecodable):
        list(frames(tmp_path / "in01"))


def test_frames_that_say_they_are_larger_than_they_are(tmp_path: Path) -> None:
    """The data set tells the same size, or a small one; what is decoded at all takes no more memory than it may."""
    files = [
        image_of(tmp_path, syntax, said, make(size))
        for syntax, make in SIZES.items()
        for said, size in ((MOST, MOST), (16, MOST), (MANY, MANY))
    ]
    assert all(len(data) < 4 << 20 for data in files)
    codes = codes_of(files, tmp_path)
    # Deflated: less than the frame has is no frame, and more may hold anything.
    assert codes[-3:] == ["DICOM-PIXELS-UNREADABLE", "DICOM-PIXELS-UNREADABLE", "written"]
    assert set(codes[:-3]) == {"written"}
