"""Landing → drop: what the centre is told of its delivery, in ``retour/`` of its own drop. No other step writes there.

The pages name the centre's files and go nowhere but to that centre: no copy of ours is kept. Each is written whole,
read back and compared; one that lies there from before is replaced. So the step may be run as often as somebody likes:
after a person decided over the quarantine, or where the centre has thrown it away. Each sending is an event.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO, TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from collecte.catalogue import counts_of, take_again
from collecte.errors import NeedsPerson
from collecte.report import feedback_page, write_feedback_csv
from collecte.steps.documents import centre_feedback, feedback_rows
from collecte.steps.moving import whole_lease, working
from collecte.steps.report import figures
from collecte.steps.site import Site
from collecte.transport import open_source
from collecte.zones import write_whole

#: The folder of the drop in which Collecte writes; whatever lies there is never collected.
RETOUR = "retour"


def feedback(site: Site, label: str) -> dict[str, int]:
    """Put the centre's feedback on a delivery, a page and a table, into ``retour/d0001/`` of its drop; its counts.

    Raises:
        NeedsPerson: the centre has no such delivery, it is not judged yet, or its drop lets us not write there.
        Retry: the connection was lost, or what was read back is not what was written.
    """
    delivery, lease = whole_lease(site, label, "feedback")
    if isinstance(lease, dict):
        lease = take_again(site.catalogue, delivery.id, "feedback", 1)
    counts = figures(site, delivery)
    drop = site.centre.drop
    with working(lease), _made(site, label) as files:
        lease.check()
        with open_source(site.connect(drop.connection), drop.path) as source:
            for name, content in files.items():
                source.write(f"{RETOUR}/{label}/{name}", content)
    with lease.finish(counts):
        return counts


def write_feedback(site: Site, label: str, folder: Path) -> list[Path]:
    """The same into a folder of this machine, for somebody to look at; the paths. IDENTIFYING.

    Raises:
        NeedsPerson: the centre has no such delivery, or the folder cannot be written.
    """
    with _made(site, label) as files:
        try:
            for name, content in files.items():
                write_whole(folder / name, content)
        except OSError:
            raise NeedsPerson(f"{folder} cannot be written.", "choose a folder that you may write.") from None
        return [folder / name for name in files]


def has_news(site: Site, label: str) -> bool:
    """Whether the centre was not told yet how its delivery's files stand now."""
    delivery = site.delivery(label)
    with site.catalogue.read() as connection:
        told = counts_of(connection, delivery.id, "feedback")
    return told != figures(site, delivery)


@contextmanager
def _made(site: Site, label: str) -> Iterator[Mapping[str, BinaryIO]]:
    """Table and page by their names, each at its start; the page, which people open, comes last.

    The table may be long. It grows in a file without a name, in landing: no kill leaves it there.
    """
    told = centre_feedback(site, label)
    site.landing.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=site.landing) as table:
        text = TextIOWrapper(table, "utf-8", newline="")
        write_feedback_csv(text, feedback_rows(site, label, told), told.language)
        text.flush()
        table.seek(0)
        yield {
            f"retour-{label}.csv": cast("BinaryIO", table),
            f"retour-{label}.html": BytesIO(feedback_page(told).encode()),
        }
