"""The ten actions of MIDI-B, each over all files before and after, as the demonstration's options want them: Basic
Profile, dates shifted, patient characteristics kept.
"""

import re
from collections.abc import Callable, Iterator, Sequence, Set
from datetime import date

import numpy as np
from pydicom.dataset import Dataset

from tests.judge import expected
from tests.judge.decoding import CannotDecode, decoded, syntax_of
from tests.judge.pairs import Pair, Tally
from tests.judge.searching import Leak
from tests.judge.walking import Path, walk

#: Pixels round a burned-in text that a mask may take along.
MARGIN = 40


def _wanted(pair: Pair, keywords: Set[str]) -> Iterator[tuple[Path, list[object]]]:
    """What stood in the file before planting, at places that stay, with the values that were not planted over."""
    for path in pair.case.sample.clean:
        if path[-1] in keywords and set(path[:-1]) <= pair.sequences and path not in expected.ASTRAY:
            values = pair.paths_unplanted.get(path, [])
            if path[-1] != "PatientAge" or all(_AGE.fullmatch(str(value)) for value in values):  # else it is none
                yield path, values


_AGE = re.compile(r"\d{3}[DWMY]")


def tag_retained(pairs: Sequence[Pair]) -> Tally:
    """What an image is measured by stays, as often as it stood."""
    tally = Tally()
    for pair in pairs:
        for path, values in _wanted(pair, expected.MEASURES | expected.WORDS):
            there = sum(value is not None for value in pair.paths_after.get(path, []))
            real = sum(value is not None for value in values)
            if real:
                tally.check(there >= real, f"{pair.label}: {'>'.join(path)}")
    return tally


def text_notnull(pairs: Sequence[Pair]) -> Tally:
    """What must have a value has one, whatever it was."""
    tally = Tally()
    for pair in pairs:
        for path, _ in _wanted(pair, expected.NEVER_EMPTY):
            after = pair.paths_after.get(path, [])
            passed = len(after) >= pair.case.sample.clean[path] and None not in after
            tally.check(passed, f"{pair.label}: {'>'.join(path)}")
    return tally


def text_retained(pairs: Sequence[Pair]) -> Tally:
    """What was not to be touched has its very value; patient characteristics, too."""
    tally = Tally()
    for pair in pairs:
        for path, values in _wanted(pair, expected.MEASURES | expected.WORDS | expected.CHARACTERISTICS):
            after = pair.paths_after.get(path, [])
            if len(after) == len(values):
                for old, new in zip(values, after, strict=True):
                    masked = path == ("BurnedInAnnotation",) and pair.case.sample.burned  # says NO from now on
                    if old is not None and not masked:
                        tally.check(_same(old, new), f"{pair.label}: {'>'.join(path)}")
            elif any(value is not None for value in values):
                tally.check(passed=False, failure=f"{pair.label}: {'>'.join(path)}, items")
    return tally


def _same(old: object, new: object) -> bool:
    if isinstance(old, bytes) and isinstance(new, bytes):
        return old.rstrip(b"\0") == new.rstrip(b"\0")
    return _unpadded(str(old)) == _unpadded(str(new))


def _unpadded(text: str) -> str:
    """pydicom shows the padding of values within a list."""
    return text.replace(" '", "'")


def text_removed(pairs: Sequence[Pair], leaks: Sequence[Leak]) -> Tally:
    """Planted strings are gone."""
    planted = sum(len(pair.case.planted) for pair in pairs)
    return Tally(planted - len(leaks), [f"{leak.label}: {leak.place}, {leak.where}" for leak in leaks])


def date_shifted(pairs: Sequence[Pair]) -> Tally:
    """All dates of a subject move by the same whole days, and not by none."""
    tally = Tally()
    shifts: dict[str, int] = {}
    for pair in pairs:
        subject = str(pair.after.PatientID)
        for path, old, new in _dates(pair):
            days = (new - old).days
            usual = shifts.setdefault(subject, days)
            tally.check(days == usual and days, f"{pair.label}: {'>'.join(path)}")
        for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
            if (keyword,) in pair.paths_before and _day(str(pair.before.get(keyword))):
                tally.check(_day(str(pair.after.get(keyword))), f"{pair.label}: {keyword} is gone")
    return tally


def _dates(pair: Pair) -> Iterator[tuple[Path, date, date]]:
    after = pair.paths_after
    for path, values in pair.paths_before.items():
        if "Date" in path[-1] and len(after.get(path, [])) == len(values):
            for old, new in zip(values, after[path], strict=True):
                if (first := _day(str(old))) and (second := _day(str(new))):
                    yield path, first, second


def _day(text: str) -> date | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None


def uid_changed(pairs: Sequence[Pair]) -> Tally:
    """No UID of before stands after, but the standard's own."""
    tally = Tally()
    for pair in pairs:
        after = set(uids(pair.after))
        for uid in set(uids(pair.before)):
            tally.check(uid not in after, f"{pair.label}: a UID of before")
    return tally


def uids(data: Dataset) -> Iterator[str]:
    """Every UID of a data set that is not the standard's."""
    for _, element in walk(data):
        if element.VR == "UI" and element.value:
            for uid in [element.value] if isinstance(element.value, str) else element.value:
                if not str(uid).startswith("1.2.840.10008."):
                    yield str(uid)


_IDENTITY = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")


def uid_consistent(pairs: Sequence[Pair]) -> Tally:
    """One UID has one replacement, and no other has it; references lead to what they led to."""
    tally = Tally()
    new: dict[str, str] = {}
    old: dict[str, str] = {}
    for pair in pairs:
        for keyword in _IDENTITY:
            first, second = str(pair.before.get(keyword, "")), str(pair.after.get(keyword, ""))
            if first:
                passed = second and new.setdefault(first, second) == second and old.setdefault(second, first) == first
                tally.check(passed, f"{pair.label}: {keyword}")
    for failure in _references(pairs, new, tally):
        tally.failures.append(failure)
    return tally


def _references(pairs: Sequence[Pair], new: dict[str, str], tally: Tally) -> Iterator[str]:
    """References of the objects that are nothing without: each leads to the same object as before."""
    for pair in pairs:
        if str(pair.before.get("Modality")) not in expected.REFERRING:
            continue
        for path, values in pair.paths_before.items():
            if path[-1] not in expected.REFERENCES or len(path) < 2 or not set(path[:-1]) <= pair.sequences:
                continue
            after = set(map(str, pair.paths_after.get(path, [])))
            for value in {str(value) for value in values} & set(new):
                if new[value] in after:
                    tally.done += 1
                else:
                    yield f"{pair.label}: reference {'>'.join(path)}"


def patid_consistent(pairs: Sequence[Pair]) -> Tally:
    """One patient has one pseudonym, and no other has it."""
    tally = Tally()
    new: dict[str, str] = {}
    old: dict[str, str] = {}
    for pair in pairs:
        first = f"{pair.before.get('IssuerOfPatientID', '')} {pair.before.PatientID}".strip()
        second = str(pair.after.PatientID)
        passed = new.setdefault(first, second) == second and old.setdefault(second, first) == first
        tally.check(passed and str(pair.after.PatientName) != str(pair.before.PatientName), pair.label)
    return tally


def pixels_hidden(pairs: Sequence[Pair]) -> Tally:
    """Of text in pixels no stroke is left."""
    tally = Tally()
    for pair in pairs:
        for left, top, right, bottom in pair.case.sample.burned:
            old = _image(pair.case.sample.pixels, pair)[:, top:bottom, left:right]
            new = _image(decoded(pair.after, syntax_of(pair.after)), pair)[:, top:bottom, left:right]
            strokes = old > 200
            tally.check(np.mean(new[strokes] > 120) < 0.01, f"{pair.label}: text at {left},{top}")
    return tally


def _image(array: np.ndarray, pair: Pair) -> np.ndarray:
    return array.reshape(-1, pair.after.Rows, pair.after.Columns, pair.after.SamplesPerPixel)


def pixels_retained(pairs: Sequence[Pair]) -> Tally:
    """Every bit of every frame, but text and what lies close to it."""
    tally = Tally()
    for pair in pairs:
        sample = pair.case.sample
        if sample.pixels is None or (sample.given and any("MASKED" in one.code for one in pair.case.outcome.findings)):
            continue  # where text stands in a given file is not known
        try:
            new = decoded(pair.after, syntax_of(pair.after))
        except CannotDecode:
            tally.check(passed=False, failure=f"{pair.label}: cannot be decoded")
            continue
        if sample.burned:
            passed = np.array_equal(*(_outside(array, pair) for array in (sample.pixels, new)))
        else:
            passed = new.size == sample.pixels.size and np.array_equal(new.ravel(), sample.pixels.ravel())
        tally.check(passed, f"{pair.label}: pixels")
    return tally


def _outside(array: np.ndarray, pair: Pair) -> np.ndarray:
    image = _image(array, pair).copy()
    for left, top, right, bottom in pair.case.sample.burned:
        image[:, max(0, top - MARGIN) : bottom + MARGIN, max(0, left - MARGIN) : right + MARGIN] = 0
    return image


ACTIONS: dict[str, Callable[[Sequence[Pair]], Tally]] = {
    "tag_retained": tag_retained,
    "text_notnull": text_notnull,
    "text_retained": text_retained,
    "date_shifted": date_shifted,
    "uid_changed": uid_changed,
    "uid_consistent": uid_consistent,
    "patid_consistent": patid_consistent,
    "pixels_hidden": pixels_hidden,
    "pixels_retained": pixels_retained,
}
