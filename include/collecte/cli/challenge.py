"""``collecte challenge``: the files that describe challenges."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collecte.cli.output import Json, print_json

if TYPE_CHECKING:
    from collecte.challenge import Problem

app = typer.Typer(
    help="Check the files that describe challenges.",
    epilog="Example: collecte challenge check include/challenges/demo.yaml",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="Challenge files.")],
    as_json: Json = False,
) -> None:
    """Say everything that is wrong with challenge files: line, key, what to write instead.

    Reads the files and nothing else. Exit code 0: every file can be used; 1: one cannot.

    \b
    Example:
      collecte challenge check include/challenges/*.yaml
    """
    from collecte.challenge import ChallengeError, load

    problems: dict[Path, tuple[Problem, ...]] = {}
    for file in files:
        try:
            load(file)
            problems[file] = ()
        except ChallengeError as error:
            problems[file] = error.problems
    if as_json:
        print_json({"files": [_as_data(file, found) for file, found in problems.items()]})
    else:
        for file, found in problems.items():
            typer.echo("\n".join(map(str, found)) if found else f"{file}: can be used")
    if any(problems.values()):
        raise typer.Exit(1)


def _as_data(file: Path, problems: tuple["Problem", ...]) -> dict[str, object]:
    return {"file": str(file), "ok": not problems, "problems": [asdict(each) for each in problems]}


@app.command()
def schema() -> None:
    """Print the JSON Schema (2020-12) of a challenge file.

    With it, editors complete and check the file. The first line of a challenge file points to it:
    `# yaml-language-server: $schema=challenge.schema.json`.

    \b
    Example:
      collecte challenge schema > include/challenges/challenge.schema.json
    """
    from collecte.challenge import json_schema

    print_json(json_schema())
