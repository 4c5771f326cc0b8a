"""Mails, in French: counts only. What they count is read in the report and in the centre's return folder."""

from collections.abc import Iterator

from collecte.records import State
from collecte.report.records import (
    SEVERITIES,
    DeliveryReport,
    Promised,
    Sums,
    today_in_paris,
)
from collecte.report.texts import Tongue

_FR = Tongue("fr")


def mail_text(report: DeliveryReport, address: str = "") -> str:
    """The coordinator's mail of one delivery; its first line is fit for the subject.

    ``address``: where the report's page is (a URL); empty: only how to find it is said.
    """
    today = today_in_paris(report.at)
    counts = {severity: sum(g.findings for g in report.findings if g.severity == severity) for severity in SEVERITIES}
    return _text(
        _subject(_FR, report),
        "",
        *_sums(_FR, report.sums),
        "",
        _FR("mail.findings"),
        *(f"  {_FR(f'severity.{severity}')}{_FR.colon} {_FR.shown(n)}" for severity, n in counts.items()),
        "",
        *_promised(_FR, report.promises),
        _FR("mail.waiting", n=len(report.waiting)),
        _FR("mail.late", n=sum(bool(centre.late(today)) for centre in report.centres)),
        _FR("mail.agreements", n=sum(centre.agreement_due(today) for centre in report.centres)),
        "",
        *([_FR("mail.address", address=address)] if address else []),
        _FR("mail.open"),
        _FR("mail.confidential"),
    )


def centre_mail_text(report: DeliveryReport) -> str:
    """The centre's mail, in its language: it names no file; the details lie in the centre's own drop."""
    t = Tongue(report.language)
    return _text(
        _subject(t, report),
        "",
        *_sums(t, report.sums),
        "",
        t("mail.fix", n=report.to_correct) if report.to_correct else t("mail.nothing_to_fix"),
        *_promised(t, report.promises),
        "",
        t("mail.return"),
        t("mail.confidential"),
    )


def _subject(t: Tongue, of: DeliveryReport) -> str:
    accepted, received = of.sums.of(State.ACCEPTED), of.sums.received
    return t(
        "mail.subject", challenge=of.challenge.id, label=of.delivery, name=of.name, accepted=accepted, received=received
    )


def _sums(t: Tongue, sums: Sums) -> Iterator[str]:
    yield t("mail.received", n=sums.received)
    for state, n in sums.states.items():
        if n:
            yield f"  {t(f'state.{state}')}{t.colon} {t.shown(n)}"


def _promised(t: Tongue, promises: tuple[Promised, ...]) -> Iterator[str]:
    if promises:
        yield t("mail.promised")
    for one in promises:
        kind = t(f"kind.{one.kind}")
        yield t("mail.line", kind=kind, usable=one.usable, received=one.received, promised=one.promised, by=one.by)


def _text(*lines: str) -> str:
    # A name out of the challenge file may not start a line, which a mail could take for a header.
    return "\n".join(" ".join(line.split()) if line[:1] != " " else line for line in lines) + "\n"
