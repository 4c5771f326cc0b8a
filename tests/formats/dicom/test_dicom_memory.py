"""Memory does not grow with the size of an image."""

import subprocess
import sys
from pathlib import Path

from tests.formats.dicom.builders import slice_of, written

FRAMES = 600  # of 512 × 512 × 2 bytes: 300 MB
RUN = """
import resource, sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from tests.formats.dicom.builders import context
from collecte.formats import dicom
source, target = Path(sys.argv[1]), Path(sys.argv[2])
ctx = context()
harvest = dicom.harvest(source, "", ctx)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
safe = dicom.make_safe(source, target, harvest.name, ctx)
assert not safe.findings and safe.size > 300_000_000, safe
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_three_hundred_megabytes_pass_through_in_a_few(tmp_path: Path) -> None:
    image = slice_of(Rows=512, Columns=512, NumberOfFrames=FRAMES)
    source = written(image, tmp_path / "in")
    data = source.read_bytes()
    size = FRAMES * 512 * 512 * 2
    head = data[: data.rindex(b"\xe0\x7f\x10\x00OW")] + b"\xe0\x7f\x10\x00OW\0\0" + size.to_bytes(4, "little")
    with source.open("wb") as file:  # sparse: nothing but the header takes room on the disk
        file.write(head)
        file.truncate(len(head) + size)
    target, root = tmp_path / "out", Path(__file__).parents[3]
    run = subprocess.run(
        [sys.executable, "-c", RUN, source, target, root, root / "include"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 16_000, f"{run.stdout} KiB more"
    target.unlink()
