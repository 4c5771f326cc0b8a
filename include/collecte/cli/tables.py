"""Tables on standard output: drawn in a terminal, plain columns in a pipe or a file."""

import io
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.table import Table

#: Columns of a line that nobody has to fold.
_WIDE = 10_000


def print_table(table: "Table") -> None:
    """As wide as the terminal; where there is none, one line a row, without frames or colours, whatever its length."""
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        console.print(table)
        return
    table.box, text = None, io.StringIO()
    Console(file=text, width=_WIDE, force_terminal=False, no_color=True).print(table)
    for line in text.getvalue().splitlines():
        typer.echo(line.rstrip())
