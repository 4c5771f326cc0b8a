"""How verbs print: text for people, JSON for machines, never an identifier."""

import json
from typing import Annotated

import typer

#: The option of every verb that prints data.
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def print_json(data: object) -> None:
    """``data`` on standard output, keys in their order, accents as they are."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
