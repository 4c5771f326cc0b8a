"""A reader who knows the code, the total and every visible cell learns nothing of a small cell but that it is small."""

from collections import defaultdict
from itertools import product

import pytest

from collecte.report.masking import MASKED, masked_tables

THRESHOLD = 3


@pytest.mark.parametrize(("cells", "most"), [(2, 18), (3, 14), (4, 12)])
def test_every_small_value_stays_possible_for_each_masked_small_cell(cells: int, most: int) -> None:
    published = defaultdict(list)
    for numbers in product(range(most + 1), repeat=cells):
        shown = sum(numbers) <= most and masked_tables({"sex": dict(zip("abcd", numbers, strict=False))}, THRESHOLD)
        if shown:
            published[(*shown[0]["sex"].values(), shown[1])].append(numbers)
    assert len(published) > 100
    for what, tables in published.items():
        for i in range(cells):
            if any(0 < table[i] < THRESHOLD for table in tables):
                assert what[i] is MASKED
                assert {1, 2} <= {table[i] for table in tables}, what


def test_a_single_small_cell_never_stands_alone() -> None:
    tables, total = masked_tables({"sex": {"F": 40, "M": 3, "unknown": 0}}, 5) or ({}, 0)
    assert tables == {"sex": {"F": MASKED, "M": MASKED, "unknown": 0}}
    assert total == 43


def test_where_one_table_cannot_be_protected_neither_nor_their_total_is_shown() -> None:
    assert masked_tables({"sex": {"F": 4, "M": 4}, "age": {"30-39": 8}}, 5) is None


def test_large_cells_are_shown_as_they_are() -> None:
    assert masked_tables({"sex": {"F": 5, "M": 9}}, 5) == ({"sex": {"F": 5, "M": 9}}, 14)
