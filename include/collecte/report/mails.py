"""Mails, in French: counts only. What they count is read in the report and in the centre's return folder."""

from collections.abc import Iterator

from collecte.records import State
from collecte.report.records import (
    SEVERITIES,
    CentreFeedback,
    DeliveryReport,
    Promised,
    Sums,
    today_in_paris,
)
from collecte.report.texts import Tongue

_FR = Tongue("fr")


def mail_text(report: DeliveryReport) -> str:
    """The coordinator's mail of one delivery; its first line is fit for the subject."""
    today = today_in_paris(report.at)
    counts = {severity: sum(g.findings for g in report.findings if g.severity == severity) for severity in SEVERITIES}
    return _text(
        _subject(report.challenge.id, report.delivery, report.name, report.sums),
        "",
        *_sums(report.sums),
        "",
        _FR("mail.findings"),
        *(f"  {_FR(f'severity.{severity}')} : {_FR.shown(n)}" for severity, n in counts.items()),
        "",
        *_promised(report.promises),
        _FR("mail.waiting", n=len(report.waiting)),
        _FR("mail.late", n=sum(bool(centre.late(today)) for centre in report.centres)),
        _FR("mail.agreements", n=sum(centre.agreement_due(today) for centre in report.centres)),
        "",
        _FR("mail.open"),
        _FR("mail.confidential"),
    )


def centre_mail_text(feedback: CentreFeedback) -> str:
    """The centre's mail: it names no file; the details lie in the centre's own drop."""
    n = sum(any(finding.refuses for finding in file.findings) for file in feedback.files)
    return _text(
        _subject(feedback.challenge.id, feedback.delivery, feedback.name, feedback.sums),
        "",
        *_sums(feedback.sums),
        "",
        _FR("mail.fix", n=n) if n else _FR("mail.nothing_to_fix"),
        *_promised(feedback.promises),
        "",
        _FR("mail.return"),
        _FR("mail.confidential"),
    )


def _subject(challenge: str, delivery: str, name: str, sums: Sums) -> str:
    accepted, received = sums.of(State.ACCEPTED), sums.received
    return _FR("mail.subject", challenge=challenge, label=delivery, name=name, accepted=accepted, received=received)


def _sums(sums: Sums) -> Iterator[str]:
    yield _FR("mail.received", n=sums.received)
    for state, n in sums.states.items():
        if n:
            yield f"  {_FR(f'state.{state}')} : {_FR.shown(n)}"


def _promised(promises: tuple[Promised, ...]) -> Iterator[str]:
    if promises:
        yield _FR("mail.promised")
    for one in promises:
        kind = _FR(f"kind.{one.kind}")
        yield _FR("mail.line", kind=kind, usable=one.usable, received=one.received, promised=one.promised, by=one.by)


def _text(*lines: str) -> str:
    # A name out of the challenge file may not start a line, which a mail could take for a header.
    return "\n".join(" ".join(line.split()) if line[:1] != " " else line for line in lines) + "\n"
