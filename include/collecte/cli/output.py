"""How verbs print: text for people, JSON for machines, never an identifier."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

#: The option of every verb that prints data.
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def print_json(data: object) -> None:
    """``data`` on standard output, keys in their order, accents as they are."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


@contextmanager
def interruptible(what_is_left: str) -> Iterator[None]:
    """Ctrl-C ends the verb with ``what_is_left`` as its last word.

    Raises:
        typer.Exit: it came; exit code 130, as shells have it.
    """
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"Interrupted. {what_is_left}", err=True)
        raise typer.Exit(130) from None


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """``advance(phase, done, of)``: a bar on standard error for each phase; nothing where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks = {}

        def advance(phase: str, done: int, of: int) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(phase, total=of)
            bars.update(tasks[phase], completed=done)

        yield advance
