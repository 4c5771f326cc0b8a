"""b-values and directions of gradients are the same before and after: public, and each maker's own by the option."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pydicom.dataset import Dataset

from tests.formats.dicom.builders import Maker
from tests.formats.dicom.test_dicom_csa import header, read
from tests.formats.dicom.utility import (
    DEMO,
    SAFE,
    Case,
    add_private,
    assert_same,
    before_and_after,
    doubles,
    implicit,
    made_safe,
    optionless,
    private,
    without,
    written_and_read,
)
from tests.judge import images
from tests.judge.more_images import enhanced
from tests.judge.samples import fill, items

#: Volumes of a shell each: b-value in s/mm², and direction.
_SHELLS: tuple[tuple[int, tuple[float, float, float]], ...] = (
    (0, (0.0, 0.0, 0.0)),
    (1000, (0.57735026, -0.57735026, 0.57735026)),
    (2850, (-0.70710678, 0.0, 0.70710678)),
)
Table = list[tuple[float, list[float]]]


def _one(diffusion: Dataset, towards: Dataset) -> tuple[float, list[float]]:
    directed = diffusion.DiffusionDirectionality == "DIRECTIONAL"
    return float(diffusion.DiffusionBValue), list(towards.DiffusionGradientOrientation) if directed else []


def public(datasets: Sequence[Dataset]) -> Table:
    """PS3.3, C.8.13.5.9, as classic files have it too."""
    return [_one(data, data) for data in datasets]


def by_frame(datasets: Sequence[Dataset]) -> Table:
    frames = [frame.MRDiffusionSequence[0] for data in datasets for frame in data.PerFrameFunctionalGroupsSequence]
    return [_one(one, one.get("DiffusionGradientDirectionSequence", [one])[0]) for one in frames]


def siemens(datasets: Sequence[Dataset]) -> list[Any]:
    """(0019,xx0C), xx0E and the b-matrix xx27, and what the CSA header says of the same."""
    return [(*(private(data, "SIEMENS MR HEADER", 0x0019, one) for one in (0x0C, 0x0D, 0x0E, 0x27)), csa(data))
            for data in datasets]  # fmt: skip


def csa(data: Dataset) -> list[list[float]]:
    raw = private(data, "SIEMENS CSA HEADER", 0x0029, 0x10)
    tags = read(raw[: len(raw) - len(raw) % 4])
    return [[float(value) for value in tags[name]] for name in ("B_value", "DiffusionGradientDirection")]


def general_electric(datasets: Sequence[Dataset]) -> Table:
    """(0043,xx39) holds the b-value, on top of 10⁹ where several b-values were taken; (0019,xxBB to xxBD)."""
    return [
        (
            int(private(data, "GEMS_PARM_01", 0x0043, 0x39)[0]) % 100_000,
            [float(private(data, "GEMS_ACQU_01", 0x0019, one)) for one in (0xBB, 0xBC, 0xBD)],
        )
        for data in datasets
    ]


def philips(datasets: Sequence[Dataset]) -> Table:
    """(2001,xx03) and (2005,xxB0 to xxB2)."""
    return [
        (
            doubles(private(data, "Philips Imaging DD 001", 0x2001, 0x03), "f")[0],
            [doubles(private(data, "Philips MR Imaging DD 001", 0x2005, at), "f")[0] for at in (0xB0, 0xB1, 0xB2)],
        )
        for data in datasets
    ]


def united_imaging(datasets: Sequence[Dataset]) -> Table:
    """(0065,xx09) and (0065,xx37)."""
    return [
        (doubles(private(data, "Image Private Header", 0x65, 0x09))[0],
         doubles(private(data, "Image Private Header", 0x65, 0x37)))
        for data in datasets
    ]  # fmt: skip


def shells(add: Callable[[Dataset, int, Sequence[float]], Dataset]) -> Callable[[], list[Dataset]]:
    """A series with an image of each shell; ``add`` writes what a maker writes of it."""

    def made() -> list[Dataset]:
        series = []
        for number, (value, direction) in enumerate(_SHELLS):
            data = images.mr(2, 1, number + 1, "siemens")
            for tag in [element.tag for element in data if element.tag.is_private]:
                del data[tag]
            series.append(add(data, value, direction))
        return series

    return made


def _public(data: Dataset, value: int, direction: Sequence[float]) -> Dataset:
    fill(data, DiffusionBValue=float(value), DiffusionDirectionality="DIRECTIONAL" if value else "NONE")
    return fill(data, DiffusionGradientOrientation=list(direction))


def _siemens(data: Dataset, value: int, direction: Sequence[float]) -> Dataset:
    tags = [
        ("B_value", "IS", 1, [b"%d" % value]),
        ("DiffusionGradientDirection", "FD", 3, [f"{one:.8f}".encode() for one in direction]),
        ("PatientName", "PN", 1, [b"Marchemalle^Odilon"]),
    ]
    matrix = [value * one * other for at, one in enumerate(direction) for other in direction[at:]]
    directed = "DIRECTIONAL" if value else "NONE"
    elements = {0x0C: ("IS", f"{value}"), 0x0D: ("CS", directed), 0x0E: ("FD", list(direction)), 0x27: ("FD", matrix)}
    return add_private(add_private(data, "SIEMENS MR HEADER", 0x0019, elements), "SIEMENS CSA HEADER", 0x0029,
                       {0x10: ("OB", header(tags))})  # fmt: skip


def _general_electric(several: bool) -> Callable[[Dataset, int, Sequence[float]], Dataset]:
    def add(data: Dataset, value: int, direction: Sequence[float]) -> Dataset:
        fill(data, Manufacturer="GE MEDICAL SYSTEMS")
        held = 1_000_000_000 + value if several else value
        add_private(data, "GEMS_PARM_01", 0x0043, {0x39: ("IS", [f"{held}", "8", "0", "0"])})
        towards = {0xBB + at: ("DS", f"{one:.6f}") for at, one in enumerate(direction)}
        return add_private(data, "GEMS_ACQU_01", 0x0019, towards)

    return add


def _philips(data: Dataset, value: int, direction: Sequence[float]) -> Dataset:
    fill(data, Manufacturer="Philips Medical Systems")
    towards = {0xB0 + at: ("FL", one) for at, one in enumerate(direction)}
    add_private(data, "Philips Imaging DD 001", 0x2001, {0x03: ("FL", float(value))})
    return add_private(data, "Philips MR Imaging DD 001", 0x2005, towards)


def _united_imaging(data: Dataset, value: int, direction: Sequence[float]) -> Dataset:
    fill(data, Manufacturer="UIH")
    return add_private(
        data, "Image Private Header", 0x0065, {0x09: ("FD", float(value)), 0x37: ("FD", list(direction))}
    )


def enhanced_shells() -> list[Dataset]:
    data = enhanced(21, "4.1", "MR", "DIFFUSION")
    del data.SharedFunctionalGroupsSequence[0].MRDiffusionSequence
    for frame, (value, direction) in zip(data.PerFrameFunctionalGroupsSequence, _SHELLS, strict=True):
        one: dict[str, Any] = {"DiffusionBValue": float(value), "DiffusionDirectionality": "NONE"}
        if value:
            towards = items({"DiffusionGradientOrientation": list(direction)})
            one |= {"DiffusionDirectionality": "DIRECTIONAL", "DiffusionGradientDirectionSequence": towards}
        frame.MRDiffusionSequence = items(one)
    return [data]


_PUBLIC = ("DiffusionBValue", "DiffusionGradientOrientation", "DiffusionDirectionality")
_GE = (0x00431039, 0x001910BB, 0x001910BC, 0x001910BD)
DIFFUSION = [
    Case("classic", shells(_public), public, _PUBLIC),
    Case("enhanced", enhanced_shells, by_frame, (*_PUBLIC, "DiffusionGradientDirectionSequence")),
    Case("Siemens", shells(_siemens), siemens, (0x0019100C, 0x0019100D, 0x0019100E, 0x00191027, 0x00291010), SAFE),
    Case("GE", shells(_general_electric(several=False)), general_electric, _GE, SAFE),
    Case("GE, several b-values", shells(_general_electric(several=True)), general_electric, _GE, SAFE),
    Case("Philips", shells(_philips), philips, (0x20011003, 0x200510B0, 0x200510B1, 0x200510B2), SAFE),
    Case("United Imaging", shells(_united_imaging), united_imaging, (0x00651009, 0x00651037), SAFE),
]


@pytest.mark.parametrize("case", optionless(DIFFUSION), ids=str)
def test_b_values_and_directions_are_the_same(make: Maker, case: Case) -> None:
    before, after = before_and_after(make, case)
    assert_same(case.computed(before), case.computed(after))
    assert len({str(one) for one in case.computed(before)}) == len(_SHELLS), "each shell is another"


@pytest.mark.parametrize("case", [case for case in DIFFUSION if case.options == SAFE], ids=str)
def test_a_maker_s_own_are_the_same_where_the_file_has_no_vrs(make: Maker, case: Case) -> None:
    before = [implicit(data) for data in case.made()]
    assert_same(case.computed(before), case.computed(made_safe(make, before, case.options)))


@pytest.mark.parametrize("case", [case for case in DIFFUSION if case.options == SAFE], ids=str)
def test_a_maker_s_own_go_without_the_option(make: Maker, case: Case) -> None:
    after = made_safe(make, [written_and_read(data) for data in case.made()], DEMO)
    assert not [element.tag for data in after for element in data if element.tag.is_private]


def test_a_change_of_a_direction_is_seen(make: Maker) -> None:
    """The comparison can fail."""
    before, after = before_and_after(make, DIFFUSION[0])
    with pytest.raises((AttributeError, AssertionError)):
        assert_same(public(before), public([without(data, "DiffusionGradientOrientation") for data in after]))
