"""Small cells: what is masked in a table of patients' characteristics, so that nobody can compute it.

A number from 1 to ``threshold`` - 1 is *small*. Masking it alone is not enough: the total gives it back. So further
cells are masked with it, and the proof is against a reader who knows this very code:

- which further cells are masked depends on their order, never on their size: the table's last number that is not small
  first, then the one before it, and so on (zeros stay: a zero names nobody);
- one is always masked, and more until the masked cells make up, together, at least ``threshold`` for each of them.

Whatever the small cells are (any of 1 to ``threshold`` - 1, independently), there is then a table with the same masked
cells, the same visible ones and the same total: all further cells but the last at ``threshold``, and the last the rest,
which is at least ``threshold`` by the second rule. So the reader learns of a small cell that it is small or masked with
one, and no more. Where the cells do not suffice, nothing is published, the total neither.
"""

from collections.abc import Mapping

#: A cell that is not shown.
MASKED = None


def masked_tables(
    tables: Mapping[str, Mapping[str, int]], threshold: int
) -> tuple[dict[str, dict[str, int | None]], int] | None:
    """Tables that split the same patients, masked, and their common total; None where they cannot be published.

    Args:
        tables: by name; each by class, in the order of the report.
        threshold: numbers from 1 to one less are small.
    """
    masked = {name: _masked(cells, threshold) for name, cells in tables.items()}
    totals = {sum(cells.values()) for cells in tables.values()}
    if any(cells is None for cells in masked.values()) or len(totals) != 1:
        return None
    return {name: cells for name, cells in masked.items() if cells is not None}, totals.pop()


def _masked(cells: Mapping[str, int], threshold: int) -> dict[str, int | None] | None:
    hidden = {name for name, n in cells.items() if 0 < n < threshold}
    further = [name for name, n in reversed([*cells.items()]) if n >= threshold] if hidden else []
    protected = not hidden
    while further and not protected:
        hidden.add(further.pop(0))
        protected = sum(cells[name] for name in hidden) >= threshold * len(hidden)
    if not protected:
        return None
    return {name: MASKED if name in hidden else n for name, n in cells.items()}
