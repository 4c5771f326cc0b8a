"""Deliveries in figures, as a table for a terminal."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from collecte.records import State


def state_table(title: str, rows: Sequence[tuple[str, str, Mapping[State, int]]]) -> Table:
    """One line for each delivery (label, its state, files by state) and, where there are several, their sum.

    The states of a line add up to what was received; a column that is empty throughout is left out.
    """
    shown = [state for state in State if any(states.get(state, 0) for _, _, states in rows)]
    table = Table(title=title, show_footer=len(rows) > 1)
    table.add_column("delivery", footer="sum")
    table.add_column("is")
    total = sum(sum(states.values()) for _, _, states in rows)
    table.add_column("received", justify="right", footer=str(total))
    for state in shown:
        table.add_column(state.value, justify="right", footer=str(sum(s.get(state, 0) for _, _, s in rows)))
    for label, is_, states in rows:
        table.add_row(label, is_, str(sum(states.values())), *(str(states.get(state, 0)) for state in shown))
    return table
