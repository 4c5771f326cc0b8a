"""What people were told of their deliveries: reports for the coordinator, feedback for each centre, mails to both."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from email.message import EmailMessage
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from collecte.catalogue import DeliveryRow, deliveries_of, ensure_centre
from collecte.steps import Site
from collecte.transport import open_source
from demo.deliveries import Deposit, planted
from demo.verify import Check, search

RETOUR = "retour/"
_LIMIT_BYTES = 16 << 20


def check_told(
    sites: Mapping[str, Site], laid: Mapping[str, Deposit], mails: Sequence[EmailMessage]
) -> Iterator[Check]:
    """Whether each centre was told of its own files and of nobody else's, and whether everybody has their mail."""
    for centre_id, site in sites.items():
        others = {other: deposit for other, deposit in laid.items() if other != centre_id}
        yield Check(f"{centre_id}: feedback lies in its own drop, on its own files", _feedback(site, laid[centre_id]))
        yield Check(f"{centre_id}: its drop tells nothing of the others", _of_others(site, others))
        yield Check(f"{centre_id}: report and Data Docs are written", _reports(site))
    yield Check("coordinator and centres have one mail for each delivery", _mails(sites.values(), mails))


def reports(sites: Iterable[Site]) -> list[Path]:
    """The coordinator's reports, one for each delivery."""
    return [site.reported(delivery) / "report.html" for site in sites for delivery in _deliveries(site)]


def table_of_mails(mails: Sequence[EmailMessage]) -> Table:
    """A row for each mail: to whom, and what about."""
    table = Table("to", "subject", title="Mails")
    for mail in mails:
        table.add_row(escape(str(mail["to"])), escape(str(mail["subject"])))
    return table


def _deliveries(site: Site) -> list[DeliveryRow]:
    with site.catalogue.transaction() as connection:
        return deliveries_of(connection, ensure_centre(connection, site.challenge.id, site.centre.id))


def _returned(site: Site) -> dict[str, bytes]:
    """What lies in the centre's folder ``retour``, by its path there."""
    drop = site.centre.drop
    with open_source(site.connect(drop.connection), drop.path) as source:
        paths = [entry.path for entry in source.entries() if entry.path.startswith(RETOUR)]
        return {path.removeprefix(RETOUR): source.read_small(path, _LIMIT_BYTES) for path in paths}


def _feedback(site: Site, laid: Deposit) -> str:
    """Nothing but page and table of each delivery; the tables name every file of theirs that was held back."""
    returned, labels = _returned(site), [delivery.label for delivery in _deliveries(site)]
    expected = {f"{label}/retour-{label}.{kind}" for label in labels for kind in ("csv", "html")}
    if set(returned) != expected:
        return f"{len(set(returned) ^ expected)} files too many or too few"
    tables = b"".join(content for path, content in returned.items() if path.endswith(".csv")).decode("utf-8")
    held_back = [path for path, end in laid.expected.items() if end.state == "quarantined"]
    unnamed = sum(path not in tables for path in held_back)
    return f"{unnamed} of {len(held_back)} files in quarantine are not named" if unnamed else ""


def _of_others(site: Site, others: Mapping[str, Deposit]) -> str:
    return "; ".join(search(planted(others), ((path, (content,)) for path, content in _returned(site).items())))


def _reports(site: Site) -> str:
    pages = ("report.html", "data-docs/index.html")
    missing = [page for row in _deliveries(site) for page in pages if not (site.reported(row) / page).is_file()]
    return f"missing: {', '.join(missing)}" if missing else ""


def _mails(sites: Iterable[Site], mails: Sequence[EmailMessage]) -> str:
    expected = Counter[str]()
    for site in sites:
        told = {*(who.email for who in (site.challenge.coordinator, *site.challenge.contacts, *site.centre.contacts))}
        for _ in _deliveries(site):
            expected.update(told)
    sent = Counter(address.addr_spec for mail in mails for address in mail["to"].addresses)
    wrong = {who: sent[who] - expected[who] for who in sent | expected if sent[who] != expected[who]}
    return ", ".join(f"{who}: {n:+d}" for who, n in sorted(wrong.items()))
