"""The whole way of one hostile file, and what must hold at its end whatever the file was."""

import logging
import re
import signal
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from collecte.findings import Finding, refused
from collecte.formats import HEAD_BYTES, dicom
from collecte.formats.dicom.explain import explain
from collecte.frames import Undecodable, frames
from collecte.records import Identifier, IdentifierKind
from collecte.residual import compile_scanner
from tests.formats.dicom.builders import bundled, context, element, item, spliced
from tests.formats.dicom.mutants import MUTATIONS, deflated, mutant, places, with_patient

NAME, IDENTIFIER, PLACE = "Quornzyx^Belphoebe", "ZQ7748291X", "Vexlorium"
#: Six letters in a row of a name, eight of the identifier: no chance puts them together.
_GRAMS = frozenset(
    word[at : at + size].encode()
    for word, size in (("quornzyx", 6), ("belphoebe", 6), ("vexlorium", 6), ("zq7748291x", 8))
    for at in range(len(word) - size + 1)
)
#: The plants as whole words.
_WORDS = re.compile(rb"(?i)(?<![a-z0-9])(?:quornzyx|belphoebe|vexlorium|zq7748291x)(?![a-z0-9])")
#: Seconds of processor time that no small file may take.
DEADLINE = 20.0
_OPTIONS = ["retain_safe_private", "clean_descriptors", "clean_structured_content", "retain_patient_characteristics"]
#: Small ones, one of each way to store pixels.
_BUNDLED = ("MR_small_implicit.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm", "JPEG2000.dcm", "rtplan.dcm")
_BUNDLED += ("SC_rgb_jpeg_dcmtk.dcm", "MR_small_jpeg_ls_lossless.dcm", "SC_rgb_rle_2frame.dcm", "test-SR.dcm")


class Hang(Exception):
    """A file took longer than any may."""


class Broken(AssertionError):
    """Something that must hold does not. Its text is the kind: leak, part, words, warning."""


@contextmanager
def bounded(seconds: float = DEADLINE) -> Iterator[None]:
    """Processor time is counted, not that of the clock: a busy machine is no hang.

    Raises:
        Hang: it was used up.
    """

    def expired(number: int, frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGPROF, expired)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@dataclass(frozen=True)
class Fate:
    """``codes`` of the findings that refuse; empty where a copy was written."""

    codes: tuple[str, ...]
    output: bytes = b""


class Trial:
    """A challenge, a folder to work in, and a scanner that knows the whole delivery."""

    def __init__(self, folder: Path, **rules: Any) -> None:
        self.folder = folder
        self.context = replace(context(options=_OPTIONS, **rules), durable=False)
        kinds = (IdentifierKind.NAME, NAME), (IdentifierKind.ID, IDENTIFIER), (IdentifierKind.ADDRESS, PLACE)
        self._scanner = compile_scanner([Identifier(kind, value, None) for kind, value in kinds])

    def run(self, data: bytes) -> Fate:
        """Recognise, harvest, make safe, scan, describe, explain, decode.

        Raises:
            Hang: it takes too long.
            Broken: the copy leaks, is there though refused, or a value is in what was said.
        """
        heard = _Heard()
        logging.getLogger().addHandler(heard)
        try:
            with bounded(), warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                fate, said = self._run(data)
        finally:
            logging.getLogger().removeHandler(heard)
        if caught:
            raise Broken("warning")
        if leaks("\n".join([*said, *heard.lines]).encode()):
            raise Broken("words")
        return fate

    def _run(self, data: bytes) -> tuple[Fate, list[str]]:
        source, target = self.folder / "in.dcm", self.folder / "out.dcm"
        source.write_bytes(data)
        target.unlink(missing_ok=True)
        dicom.recognise(data[:HEAD_BYTES], ".dcm")
        harvest = dicom.harvest(source, "in.dcm", self.context)
        findings = harvest.findings
        if not refused(findings):
            findings = dicom.make_safe(source, target, harvest.name, self.context).findings
        there = {path.name for path in self.folder.iterdir()}
        if there != {"in.dcm", "out.dcm"} - ({"out.dcm"} if refused(findings) else set()):
            raise Broken("part")
        output = target.read_bytes() if target.exists() else b""
        if output:
            findings = (*findings, *self._looked_at(target, output, tuple(harvest.subjects)))
        told = explain(source, self.context)
        said = [repr(told), *(text for finding in (*findings, *told.findings) for text in _texts(finding))]
        codes = tuple(finding.code for finding in findings if finding.refuses)
        return Fate(codes, b"" if codes else output), said

    def _looked_at(self, target: Path, output: bytes, subjects: Sequence[str]) -> tuple[Finding, ...]:
        """The scan's findings of a copy. In the header no part of a plant may stand. Pixels pass as they came, and with
        them whatever a mutation moved there: whole words are the scan's to find, a piece of one may be chance."""
        found = self._scanner.scan(target, subjects)
        pixels = next((place for place in places(output) if place.tag >= 0x7FE00008), None)
        start = pixels.value if pixels else len(output)
        if leaks(output[:start]) or (_WORDS.search(output, start) and not refused(found)):
            raise Broken("leak")
        dicom.describe(target)
        try:
            for _ in frames(target, [0]):
                pass
        except Undecodable:
            pass
        return found


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _texts(finding: Finding) -> Iterator[str]:
    yield finding.place
    for language in ("fr", "en"):
        text, remedy = finding.text(language), finding.remedy(language)
        if not text or not remedy:
            raise Broken("words")
        yield text


def leaks(data: bytes) -> bool:
    """Whether a plant, or a good part of one, stands in some bytes: of any case, in UTF-16 too."""
    plain = data.lower()
    return any(gram in view for view in (plain, plain.replace(b"\0", b"")) for gram in _GRAMS)


def bases(folder: Path) -> list[bytes]:
    """Good files in many encodings, small, with plants in many places."""
    made = a_slice(folder)
    return [made, deflated(made), *(planted(with_patient(bundled(name).read_bytes())) for name in _BUNDLED)]


def a_slice(folder: Path) -> bytes:
    """Explicit little endian, with sequences of known and of unknown length, UN, and private blocks."""
    name, who = NAME.encode(), IDENTIFIER.encode()
    seen = b"seen by Quornzyx at Vexlorium"
    image = element(0x00081150, "UI", b"1.2.840.10008.5.1.4.1.1.2") + element(0x00081155, "UI", b"1.2.3.4.1")
    person = item(element(0x00080080, "LO", PLACE.encode()), element(0x00401101, "SQ", item(_code(seen))))
    hidden = struct.pack("<HHL", 0x0010, 0x0010, len(name)) + name
    end, item_end = b"\xfe\xff\xdd\xe0\0\0\0\0", b"\xfe\xff\x0d\xe0\0\0\0\0"
    unknown = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF) + image + element(0x00104000, "LT", seen) + item_end
    extra = [
        element(0x00080005, "CS", b"ISO_IR 100"),
        element(0x00080080, "LO", PLACE.encode()),
        element(0x00080096, "SQ", person),
        element(0x00081030, "LO", seen),
        element(0x00081110, "SQ", item(image, element(0x00100010, "PN", name))),
        element(0x00081140, "SQ", unknown + unknown + end, length=0xFFFFFFFF),
        element(0x00082112, "UN", item(hidden)),
        element(0x00100010, "PN", name),
        element(0x00100020, "LO", who),
        element(0x00104000, "LT", seen),
        element(0x00190010, "LO", b"GEMS_ACQU_01"),
        element(0x00191002, "SL", b"\1\0\0\0"),
        element(0x00290010, "LO", b"SIEMENS CSA HEADER"),
        element(0x00291008, "CS", b"IMAGE NUM 4"),
        element(0x00291010, "OB", b"SV10" + seen),
        element(0x00291140, "SQ", item(element(0x00100020, "LO", who))),
        element(0x00400275, "SQ", item(element(0x00400007, "LO", seen), element(0x00400008, "SQ", item(_code(b"x"))))),
    ]
    return spliced(folder / "slice", extra).read_bytes()


def _code(meaning: bytes) -> bytes:
    return b"".join(
        element(tag, vr, value)
        for tag, vr, value in ((0x00080100, "SH", b"T-A0100"), (0x00080102, "SH", b"SRT"), (0x00080104, "LO", meaning))
    )


def planted(data: bytes) -> bytes:
    """A file whose patient has the planted name and identifier."""
    for tag, value in ((0x00100020, IDENTIFIER), (0x00100010, NAME)):
        place = next((place for place in places(data) if place.tag == tag), None)
        if place:
            raw = value.encode() + b" " * (len(value) % 2)
            data = place.with_length(data[: place.value] + raw + data[place.end :], len(raw))
    return data


def kinds_of(rng: Random) -> tuple[str, ...]:
    """One to four mutations."""
    return tuple(rng.choices(sorted(MUTATIONS), k=rng.choice((1, 1, 2, 2, 3, 4))))


def mutants(pool: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Without end, the same for a seed."""
    rng = Random(seed)
    while True:
        yield mutant(rng.choice(pool), rng, kinds_of(rng))
