"""Templates into text: everything that they are given is escaped, and a name that they do not get is a fault."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

#: The states' colours; each is named beside its colour too, so that nobody has to tell them apart.
COLOURS: Mapping[str, str] = {
    "waiting": "#c9ced6",
    "accepted": "#2c7a51",
    "quarantined": "#e08a1e",
    "duplicate": "#9dbfe6",
    "superseded": "#6a4c93",
    "rejected": "#b3261e",
    "expired": "#7a5c3e",
    "recalled": "#1b2430",
}


def render(template: str, **values: object) -> str:
    """A page of ``templates/``."""
    return _environment().get_template(template).render(colours=COLOURS, **values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
