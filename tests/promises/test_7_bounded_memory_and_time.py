"""Promise 7: memory does not grow with file size or delivery size; time grows linearly with bytes.

Each step's peak is taken on two sizes of one delivery: what the larger one needs more is below a bound for each file,
or below what buffers take. Drop and destination are folders of this machine: what SFTP and S3 hold is bounded in
tests/transport. Time, and the large sizes (100,000 files, 8 GB), are measured by ``make bench``: a loaded machine makes
no steady clock.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import MultiFrameGrayscaleWordSecondaryCaptureImageStorage as MULTI_FRAME

from demo.deliveries import MARCHEMALLE
from tests.journey.conftest import World
from tests.journey.drops import drop, image, reconnect, rewrite
from tests.promises.builders import written

FEW, MANY = 100, 1100
#: What a step may need more for each further file of a delivery, in kilobytes: its rows, never its bytes.
KB_A_FILE = 20
SMALL_MB, LARGE_MB = 100, 500
#: What a step may need more for the larger image, in kilobytes: buffers that the smaller one did not fill.
KB_OF_BUFFERS = 40_000


def test_no_step_holds_more_of_a_larger_delivery_than_the_rows_of_its_files(make_world: Callable[[], World]) -> None:
    few, many = (_peaks(make_world(), _files(count)) for count in (FEW, MANY))
    grown = {step: (many[step] - few[step]) / (MANY - FEW) for step in many}
    assert max(grown.values()) < KB_A_FILE, f"kilobytes for each further file: {grown}"


def test_no_step_holds_more_of_a_larger_file(make_world: Callable[[], World]) -> None:
    small, large = (_peaks(make_world(), _sparse(megabytes)) for megabytes in (SMALL_MB, LARGE_MB))
    grown = {step: large[step] - small[step] for step in large}
    assert max(grown.values()) < KB_OF_BUFFERS, f"kilobytes more for {LARGE_MB} MB than for {SMALL_MB}: {grown}"


def _peaks(world: World, lay: Callable[[Path], None]) -> Mapping[str, int]:
    """Kilobytes by step."""
    hdh = world.folder / "hdh"
    hdh.mkdir()
    for connection in ("demo_sftp_arvel", "demo_hdh"):
        reconnect(world, connection, conn_type="file")
    rewrite(world, "connection: demo_sftp_arvel, path: /depot", f"connection: demo_sftp_arvel, path: {drop(world)}")
    rewrite(world, f"path: {world.challenge.hdh.path}", f"path: {hdh}")
    (drop(world) / "lot").mkdir()
    lay(drop(world) / "lot")
    (drop(world) / "lot" / ".done").touch()
    process = subprocess.run(
        [sys.executable, "-m", "tests.promises.peaks"],
        env={**os.environ, **world.environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    peaks: Mapping[str, int] = json.loads(process.stdout)
    assert list(hdh.rglob("SHA256SUMS"))
    return peaks


def _files(count: int) -> Callable[[Path], None]:
    def lay(folder: Path) -> None:
        for number in range(1, count + 1):
            (folder / f"IM{number}").write_bytes(image(MARCHEMALLE, number))

    return lay


def _sparse(megabytes: int) -> Callable[[Path], None]:
    """An image of many frames whose pixels are a hole in the file."""

    def many_frames(dataset: Dataset) -> None:
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = MULTI_FRAME
        dataset.Rows = dataset.Columns = 1024
        dataset.NumberOfFrames = megabytes // 2
        del dataset.PixelData

    def lay(folder: Path) -> None:
        header = written(image(MARCHEMALLE, 1), many_frames)
        length = (megabytes // 2) * 2 * 1024 * 1024
        element = b"\xe0\x7f\x10\x00OW\x00\x00" + length.to_bytes(4, "little")
        with (folder / "coupe.dcm").open("wb") as file:
            file.write(header + element)
            file.truncate(file.tell() + length)

    return lay
