"""Mails out of Airflow: through its SMTP notifier, over the connection that ``COLLECTE_SMTP`` names."""

import html
import logging
import re
import smtplib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk.exceptions import AirflowException

from collecte.errors import CollecteError, NeedsPerson, Retry
from collecte.settings import Settings
from collecte_airflow import links, steps

if TYPE_CHECKING:
    from collecte.steps import Mail, Site

log = logging.getLogger("collecte.task")

_URL = re.compile(r"https?://[^\s<>\"']+")


def tell_people(site: "Site", delivery: str) -> dict[str, int]:
    """Send the coordinator's and the centre's mails of a delivery that were not sent yet; how many.

    Raises:
        Retry, NeedsPerson: as :func:`send` does.
    """
    page = links.report_page(site.challenge.id, site.centre.id, delivery)
    return steps.send_mails(site, delivery, send_mail, page)


def send_mail(mail: "Mail") -> None:
    """Send one mail of a step. Raises as :func:`send` does."""
    send(mail.to, mail.subject, mail.text)


def send(to: str | Sequence[str], subject: str, text: str) -> None:
    """Send a plain text. Where no SMTP connection is configured: a line in the log, and nothing is sent.

    Raises:
        Retry: the mail server cannot be reached, or asks to come back later.
        NeedsPerson: it refuses us or the recipient, or the connection is not usable.
    """
    connection = Settings.from_environment().smtp
    if connection is None:
        log.warning("No mail server is configured (COLLECTE_SMTP): this mail is not sent.")
        return
    notifier = SmtpNotifier(to=to, subject=" ".join(subject.split()), html_content=_html(text), smtp_conn_id=connection)
    try:
        notifier.notify({})  # not by calling it, which would read subject and text as Jinja templates
    except (smtplib.SMTPException, OSError, AirflowException, ValueError) as error:
        raise _converted(error, connection) from None


def _converted(error: Exception, connection: str) -> CollecteError:
    """What of it a person needs. Not its text, which may hold the server's words or an address."""
    codes = _codes(error)
    if isinstance(error, AirflowException | ValueError):
        return NeedsPerson(
            f"The connection {connection} cannot be used to send mail.",
            f"correct {connection}: host, port, login and, in its extras, from_email.",
        )
    if codes and min(codes) >= 500:
        return NeedsPerson(
            f"The mail server of {connection} refuses the mail ({', '.join(map(str, sorted(set(codes))))}).",
            "look at the login of the connection, at its from_email, and at the addresses in the challenge file.",
        )
    return Retry(f"The mail server of {connection} does not take the mail now.")


def _codes(error: Exception) -> list[int]:
    """The server's answers: 4xx, come again; 5xx, never."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return [code for code, _ in error.recipients.values()]
    return [error.smtp_code] if isinstance(error, smtplib.SMTPResponseException) else []


def _html(text: str) -> str:
    """The same text for SmtpNotifier, which sends HTML alone."""
    linked = _URL.sub(lambda url: f'<a href="{url[0]}">{url[0]}</a>', html.escape(text, quote=False))
    return f'<div style="white-space: pre-wrap; font-family: sans-serif">{linked}</div>'
