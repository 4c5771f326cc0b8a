"""Who is told by mail that a delivery was judged: counts alone, in French, no file's name and no patient's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from collecte.catalogue import take_again
from collecte.challenge import Contact
from collecte.report import centre_mail_text, mail_text
from collecte.steps.documents import delivery_report
from collecte.steps.moving import whole_lease, working
from collecte.steps.report import figures
from collecte.steps.site import Site


@dataclass(frozen=True)
class Mail:
    """One mail: addresses, a subject of one line, the text."""

    to: tuple[str, ...]
    subject: str
    text: str


def mails(site: Site, label: str, address: str = "") -> tuple[Mail, ...]:
    """The mails of a delivery: to the coordinator and whom the challenge names beside, and to the centre's contacts.

    ``address``: where the coordinator finds the report's page (a URL).

    Raises:
        NeedsPerson: the centre has no such delivery.
    """
    return tuple(_mails(site, label, address).values())


def send_mails(site: Site, label: str, send: Callable[[Mail], None], address: str = "") -> dict[str, int]:
    """Send each mail of a delivery that tells what was not told yet: once, and again after its files' counts changed.

    ``send`` hands one mail to the server, or raises Retry; the mails before it are then not sent a second time. A
    process that is killed between the server's reply and our record of it sends that one mail twice: better than never.
    ``address``: as :func:`mails`.

    Raises:
        Retry, NeedsPerson: as ``send`` does; NeedsPerson also where the delivery is not judged yet.
    """
    sent = 0
    for step, mail in _mails(site, label, address).items():
        delivery, lease = whole_lease(site, label, step)
        counts = figures(site, delivery)
        if lease == counts:
            continue
        if isinstance(lease, dict):
            lease = take_again(site.catalogue, delivery.id, step, 1)
        with working(lease):
            send(mail)
        with lease.finish(counts):
            sent += 1
    return {"mails": sent}


def _mails(site: Site, label: str, address: str) -> Mapping[str, Mail]:
    """By the step that records its sending; none to nobody."""
    challenge, report = site.challenge, delivery_report(site, label, facts=False)
    both = {
        "mail_coordinator": _mail((challenge.coordinator, *challenge.contacts), mail_text(report, address)),
        "mail_centre": _mail(site.centre.contacts, centre_mail_text(report)),
    }
    return {step: mail for step, mail in both.items() if mail.to}


def _mail(contacts: tuple[Contact, ...], text: str) -> Mail:
    subject, _, body = text.partition("\n")
    return Mail(tuple(dict.fromkeys(contact.email for contact in contacts)), subject, body.lstrip("\n"))
