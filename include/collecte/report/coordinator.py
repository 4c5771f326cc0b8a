"""The coordinator's page of one delivery: both languages in one page, no patient, no original file."""

from collections.abc import Iterator
from datetime import date

from collecte.challenge.kinds import AttributeRule
from collecte.records import State
from collecte.report.html import render
from collecte.report.masking import masked_tables
from collecte.report.records import EXPIRY_NOTICE, CentreProgress, DeliveryReport, today_in_paris
from collecte.report.texts import Tongue


def coordinator_page(report: DeliveryReport) -> str:
    """One self-contained HTML page: French first, English by a switch that needs no script; it asks no network."""
    of = report.cohort
    masked = masked_tables({"sex": of.sex, "age": of.age}, of.threshold) if of else None
    tables, total = masked or (None, 0)
    return render(
        "coordinator.html.jinja",
        report=report,
        tongues=(Tongue("fr"), Tongue("en")),
        today=today_in_paris(report.at),
        accepted=report.sums.of(State.ACCEPTED),
        due=sum(promise.missing for promise in report.promises),
        rules=lambda t: _rules(report, t),
        alerts=lambda t: [*_alerts(report, t)],
        modalities=lambda t: _modalities(report, t),
        tables=tables,
        total=total,
        sex_label=lambda t, name: t.or_other("sex", name, "patients.unknown"),
        age_label=_age_label,
    )


def _alerts(report: DeliveryReport, t: Tongue) -> Iterator[str]:
    """What somebody must look at, the gravest first."""
    today = today_in_paris(report.at)
    if any(group.severity == "incident" for group in report.findings):
        yield t("alert.incident", contact=report.incident_contact or t("alert.no_contact"))
    if n := report.sums.set_aside:
        yield t("alert.refused", n=n)
    if n := report.sums.of(State.WAITING):
        yield t("alert.unjudged", n=n)
    for waits in report.waiting:
        why = waits.why.text(t.language)
        yield t("alert.waiting", name=waits.name, label=waits.delivery, since=waits.since, why=why)
    for centre in report.centres:
        yield from _alerts_of_centre(centre, t, today)


def _alerts_of_centre(centre: CentreProgress, t: Tongue, today: date) -> Iterator[str]:
    for late in centre.late(today):
        kind = t(f"kind.{late.kind}")
        of = {"received": late.received, "promised": late.promised, "by": late.by}
        yield t("alert.late", name=centre.name, kind=kind, **of)
    if centre.expiring:
        yield t("alert.expiring", name=centre.name, n=centre.expiring, by=today + EXPIRY_NOTICE)
    if centre.agreement_ends and centre.agreement_due(today):
        days = (centre.agreement_ends - today).days
        key = "alert.agreement_over" if days < 0 else "alert.agreement_soon" if days else "alert.agreement_today"
        said = t(key, name=centre.name, n=days, ends=centre.agreement_ends)
        yield f"{said} {t('alert.agreement_remedy')}"


def _modalities(report: DeliveryReport, t: Tongue) -> list[tuple[str, int]]:
    """By name, the most frequent first; what is no known modality is counted and not repeated: a file wrote it."""
    counts: dict[str, int] = {}
    for code, n in report.modalities.items():
        name = t.or_other("modality", code, "modality.other")
        counts[name] = counts.get(name, 0) + n
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _rules(report: DeliveryReport, t: Tongue) -> str:
    """The rules by which images were made safe, in one line; empty where the challenge collects none."""
    rules = report.dicom
    if rules is None:
        return ""
    own = (f"{_named(rule)} ({t(f'action.{rule.action}')})" for rule in rules.attributes)
    return t(
        "rules.line",
        edition=report.edition,
        options=", ".join(t(f"option.{option}") for option in rules.options) or t("rules.none"),
        own=", ".join(own) or t("rules.none"),
        text=t(f"rules.text_{rules.text_in_pixels.found}"),
    )


def _named(rule: AttributeRule) -> str:
    return f"{rule.attribute} {rule.creator}" if rule.creator else rule.attribute


def _age_label(t: Tongue, name: str) -> str:
    if name.endswith("+"):
        return t("patients.oldest", low=name[:-1])
    low, dash, high = name.partition("-")
    return t("patients.years", low=low, high=high) if dash else t("patients.unknown")
