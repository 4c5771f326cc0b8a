"""README.fr.md and README.en.md: the data card, in figures out of the data."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from collecte.opendata.contents import Contents


@cache
def templates() -> Environment:
    """The room's templates: HTML is escaped, Markdown is read as it stands."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(enabled_extensions=("html.jinja",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def french(contents: Contents) -> bytes:
    return templates().get_template("card.fr.md.jinja").render(c=contents).encode()


def english(contents: Contents) -> bytes:
    return templates().get_template("card.en.md.jinja").render(c=contents).encode()
