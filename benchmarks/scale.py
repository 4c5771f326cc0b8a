"""Is memory flat and time linear? The whole journey over many small files, over one huge file, over a long table.

Each step runs in a process of its own, which says its own peak (VmHWM) and its seconds of processor (not of the clock:
what else the machine does, and its disk, would be most of them); drop and destination are folders of this machine, and
shards are worked at by as many processes as there are processors. The ratios are ours to ours: time for each file, or
megabyte, of the large case to that of the small one, and so for memory.

The whole journey is made, from the drop to the receipt. The many files are laid in memory that serves as a disk, where
there is room. Native pixel data end at 4 GB, so the huge image is an encapsulated one. A step that needs its start
alone (*validate*) may be the highest, so a peak that grows below it shows in the single cases only.

    python -m benchmarks scale                      the rows
    python -m benchmarks.scale files 100000         one case, step by step
    python -m benchmarks.scale image|table 512      the same, megabytes of one file
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks._measure import Row
from collecte import catalogue
from collecte.keys import Keys
from demo.deliveries import Patient, ct_slice

#: How many small files, a few and many.
FILES = (10_000, 100_000)
#: Megabytes of the huge image (its pixels are holes in the file) and of the long table, of which each row is another
#: patient's.
IMAGE_MB, TABLE_MB = (1024, 8192), (2, 8)
#: What the large case may take of the small one's memory, and of its time for each file or megabyte.
_GOAL = 1.2

#: Encapsulated Uncompressed Explicit VR Little Endian: each frame is one item (PS3.5, A.4.11).
_ENCAPSULATED = "1.2.840.10008.1.2.1.98"
_FRAME_BYTES = 1024 * 1024 * 2
#: What a file of 10 kB takes in memory that serves as a disk: four copies, its rows, and as much again to spare.
_MEMORY_A_FILE = 100_000
#: Slices of a patient: one series.
_PER_PATIENT = 100
_SYLLABLES = "ba be bo bri ca chal da del du fa fer gau gi ho la le lin ma mer mon na nel pa per que ra ri so ta vi"
_CHALLENGE = Path(__file__).resolve().parents[1] / "include" / "challenges" / "demo.yaml"
_CENTRE, _KEYS = "arvel", "COLLECTE_KEYS_DEMO"

#: Told of each step that is done: its name, seconds, megabytes.
Told = Callable[[str, float, float], None]


@dataclass
class Steps:
    """Seconds of each step over its shards, and the highest peak of its processes, in megabytes; by step."""

    seconds: dict[str, float] = field(default_factory=dict)
    peak: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    @property
    def highest(self) -> str:
        return max(self.peak, key=lambda step: self.peak[step])


def run() -> list[Row]:
    """Many files, a huge image and a long table, each in two sizes."""
    return [*_rows("files", *FILES), *_rows("image", *IMAGE_MB), *_rows("table", *TABLE_MB)]


def _rows(case: str, small: int, large: int) -> list[Row]:
    fewer, more = measure(case, small), measure(case, large)
    what = f"{large:,} files, against {small:,}" if case == "files" else f"{case} of {large:,} MB, against {small:,}"
    peak, of = more.peak[more.highest], fewer.peak[fewer.highest]
    each, of_each = 1000 * more.total / large, 1000 * fewer.total / small
    return [
        Row(f"peak memory: {what}", peak / of, _GOAL, f"{peak:.0f} MB ({more.highest})", f"{of:.0f} MB"),
        Row(f"time for each: {what}", each / of_each, _GOAL, f"{each:.2f} ms", f"{of_each:.2f} ms"),
    ]


def measure(case: str, size: int, told: Told = lambda step, seconds, peak: None) -> Steps:
    """The journey over one delivery: ``size`` small files, or one image or table of ``size`` megabytes. ``told`` is
    called after each step."""
    with tempfile.TemporaryDirectory(dir=_place(size * _MEMORY_A_FILE if case == "files" else 0)) as folder:
        environment = _installation(Path(folder))
        _MAKERS[case](Path(folder) / "drop" / "envoi", size)
        (Path(folder) / "drop" / "envoi" / ".done").touch()
        return _journey(environment, told)


def _place(needed: int) -> str | None:
    """Memory that serves as a disk, where so many bytes are free (0: not asked for); None: where temporary files go."""
    memory = Path("/dev/shm")  # noqa: S108 (a folder of an unpredictable name is made in it)
    if not needed or not memory.is_dir():
        return None
    free = min(shutil.disk_usage(memory).free, os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return str(memory) if free >= needed else None


def _installation(folder: Path) -> dict[str, str]:
    """Everything that a site of its own needs, as environment variables."""
    for name in ("drop", "hdh", "challenges"):
        (folder / name).mkdir()
    Keys.new().save(folder / "keys.json")
    (folder / "connections.json").write_text(json.dumps({"here": {"conn_type": "file"}}))
    text = _CHALLENGE.read_text("utf-8")
    text = text.replace("demo_sftp_arvel, path: /depot", f"here, path: {folder / 'drop'}")
    text = text.replace("demo_hdh\n  path: hdh-demo", f"here\n  path: {folder / 'hdh'}")
    (folder / "challenges" / "demo.yaml").write_text(text, "utf-8")
    environment = {
        "COLLECTE_CATALOGUE": f"sqlite:///{folder / 'catalogue.db'}",
        "COLLECTE_LANDING": (folder / "landing").as_uri(),
        "COLLECTE_CURATED": (folder / "curated").as_uri(),
        "COLLECTE_REPORTS": (folder / "reports").as_uri(),
        "COLLECTE_CHALLENGES": str(folder / "challenges"),
        "COLLECTE_CONNECTIONS": str(folder / "connections.json"),
        _KEYS: str(folder / "keys.json"),
    }
    catalogue.open_catalogue(environment["COLLECTE_CATALOGUE"], upgrade=True).close()
    return {**os.environ, **environment}


def _journey(environment: dict[str, str], told: Told) -> Steps:
    measured = Steps()

    def step(name: str, arguments: Sequence[object]) -> list[str]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            said = list(pool.map(lambda argument: _process(environment, name, argument), arguments))
        measured.seconds[name] = sum(each["seconds"] for each in said)
        measured.peak[name] = max((each["peak_MB"] for each in said), default=0.0)
        told(name, measured.seconds[name], measured.peak[name])
        return [shard for each in said for shard in each["shards"]]

    step("receive", step("find", [None]))
    step("harvest", step("unpack", [["d0001"]]))
    step("make_safe", step("group", [["d0001"]]))
    step("describe", step("describe_shards", [["d0001"]]))
    for name in ("validate", "accept", "empty_drop", "report"):
        step(name, ["d0001"])
    step("ship", step("plan_ship", ["d0001"]))
    step("commit_shipment", ["d0001"])
    return measured


def _process(environment: dict[str, str], name: str, argument: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.scale", "--step", name, json.dumps(argument)]
    said: dict[str, Any] = json.loads(
        subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
    )
    return said


def _step(name: str, argument: object) -> None:
    """One step in this process: its seconds without the imports, its peak with them."""
    from time import process_time

    from collecte import steps

    site = steps.open_site("demo", _CENTRE)
    start = process_time()
    result = getattr(steps, name)(site, *([] if argument is None else [argument]))
    seconds = process_time() - start
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    shards = [ref.shard for ref in result] if isinstance(result, list) else []
    print(json.dumps({"seconds": seconds, "peak_MB": int(peak.split()[1]) / 1024, "shards": shards}))


def _files(folder: Path, count: int) -> None:
    """Slices of 10 kB: the bytes of one, with other texts of the same length put in."""
    model = ct_slice(Patient("NOMNOMNOM^Prenom", "P00054321", "19500101", "F"), study=10, slice_number=100_000, size=64)
    for number in range(count):
        who, slice_number = divmod(number, _PER_PATIENT)
        chance = random.Random(who)
        name = f"{_word(chance, 9).upper()}^{_word(chance, 6).title()}"
        image = model.replace(b"NOMNOMNOM^Prenom", name.encode()).replace(b"54321", b"%05d" % (10_000 + who))
        image = image.replace(b"19500101", b"%d%02d%02d" % (1930 + who % 60, 1 + who % 12, 1 + who % 28))
        image = image.replace(b"100000", b"%06d" % (100_000 + slice_number))
        path = folder / name.replace("^", "_") / f"IM{slice_number:04d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image[:-4] + number.to_bytes(4, "little"))


def _image(folder: Path, megabytes: int) -> None:
    """A multi-frame image whose pixels are holes in the file, one for each frame."""
    import io

    from pydicom import dcmread
    from pydicom.uid import MultiFrameGrayscaleWordSecondaryCaptureImageStorage as MULTI_FRAME

    patient = Patient("MARCHEMALLE^Odilon", "A0412733", "19560412", "M")
    dataset = dcmread(io.BytesIO(ct_slice(patient, 1, 1, size=64)))
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = MULTI_FRAME
    dataset.Rows = dataset.Columns = 1024
    dataset.NumberOfFrames = megabytes // 2
    dataset.file_meta.TransferSyntaxUID = _ENCAPSULATED
    del dataset.PixelData
    folder.mkdir(parents=True)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    item = b"\xfe\xff\0\xe0"
    with (folder / "coupe.dcm").open("wb") as file:
        # Of undefined length; the offset table, which may be empty; an item for each frame; the end.
        file.write(buffer.getvalue() + b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + item + bytes(4))
        for _ in range(dataset.NumberOfFrames):
            file.write(item + _FRAME_BYTES.to_bytes(4, "little"))
            file.seek(_FRAME_BYTES, os.SEEK_CUR)
        file.write(b"\xfe\xff\xdd\xe0" + bytes(4))


def _table(folder: Path, megabytes: int) -> None:
    """A table of as many patients as rows."""
    chance = random.Random(7)
    folder.mkdir(parents=True)
    with (folder / "donnees.csv").open("w", encoding="utf-8") as file:
        file.write("ipp;nom;prenom;naissance;sexe;date_examen;diagnostic;commentaire\n")
        for row in _table_rows(chance):
            file.write(row)
            if file.tell() >= megabytes << 20:
                break


def _table_rows(chance: random.Random) -> Iterator[str]:
    number = 10_000_000
    while True:
        number += chance.randint(1, 9)
        born = f"{chance.randint(1, 28):02d}/{chance.randint(1, 12):02d}/{chance.randint(1930, 1995)}"
        seen = f"2024-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
        yield (
            f"P{number};{_word(chance, 9).upper()};{_word(chance, 6).title()};{born};F;{seen};"
            f"C50.{chance.randint(0, 9)};nodule de {chance.randint(3, 40)} mm, sans injection\n"
        )


def _word(chance: random.Random, length: int) -> str:
    return "".join(chance.choices(_SYLLABLES.split(), k=length))[:length]


_MAKERS = {"files": _files, "image": _image, "table": _table}


def _say(step: str, seconds: float, peak: float) -> None:
    print(f"{step:<16} {seconds:8.2f} s {peak:8.0f} MB", flush=True)


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--step"]:
        _step(arguments[1], json.loads(arguments[2]))
    elif arguments:
        measured = measure(arguments[0], int(arguments[1]), _say)
        _say("total", measured.total, max(measured.peak.values()))
    else:
        for row in run():
            print(row)


if __name__ == "__main__":
    main(sys.argv[1:])
