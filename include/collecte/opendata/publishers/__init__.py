"""Where packages become public. A further publisher is a file beside this one and a line here."""

from collections.abc import Mapping

from collecte.errors import NeedsPerson
from collecte.opendata.publishers import s3
from collecte.opendata.publishers.types import Publication, Publisher

#: By the name that a challenge file gives.
PUBLISHERS: Mapping[str, Publisher] = {"s3": s3}


def publisher(name: str) -> Publisher:
    """The publisher of that name.

    Raises:
        NeedsPerson: there is none.
    """
    try:
        return PUBLISHERS[name]
    except KeyError:
        raise NeedsPerson(
            f"There is no publisher {name}.",
            f"write one of {', '.join(sorted(PUBLISHERS))} under open_data.publisher in the challenge file.",
        ) from None


__all__ = ["PUBLISHERS", "Publication", "Publisher", "publisher"]
