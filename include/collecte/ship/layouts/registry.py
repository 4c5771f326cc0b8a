"""The layouts, by the name that a destination in the challenge file gives."""

from collecte.errors import NeedsPerson
from collecte.ship.layouts.plain import Plain
from collecte.ship.layouts.types import Layout

LAYOUTS: dict[str, Layout] = {
    "plain": Plain(),
}


def layout_of(name: str) -> Layout:
    """The layout of that name.

    Raises:
        NeedsPerson: there is none.
    """
    if name not in LAYOUTS:
        raise NeedsPerson(
            f"There is no layout {name}.", f"choose one of {', '.join(sorted(LAYOUTS))} (release, layout)."
        )
    return LAYOUTS[name]
