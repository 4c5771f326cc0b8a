"""After a removal: the page that proves it, reports made anew, and a mail to every recipient, in counts alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO

from collecte.catalogue import begin
from collecte.catalogue.jobs import counts_of_job
from collecte.catalogue.recalls import RecallRow, nobody_tells, recall_state
from collecte.errors import NeedsPerson
from collecte.recall import Plan, mail_text, recall_page
from collecte.steps.challenge_site import ChallengeSite
from collecte.steps.feedback import feedback, has_news
from collecte.steps.mails import Mail
from collecte.steps.report import report
from collecte.zones import write_whole


def prove(site: ChallengeSite, recall: RecallRow, plan: Plan) -> dict[str, int]:
    """Write the recall's page: each place, what a search of it found afterwards, and what nobody can take back; and the
    reports of the deliveries anew. Each stage searched before it ended, and would have stopped at a copy.

    Raises:
        NeedsPerson: a page cannot be written.
    """
    job = begin(site.catalogue, recall.challenge_id, f"{recall.about}/prove")
    if isinstance(job, dict):
        return job
    with site.catalogue.read() as connection:
        stages = [counts_of_job(connection, recall.challenge_id, f"{recall.about}/{name}") for name in _SHIPPING]
        unread = nobody_tells(connection, recall.centre_id) if recall.scope == "subject" else 0
    locked = sum(counts.get("locked", 0) for counts in stages)
    outcome = {"locked": locked, "unread": unread}
    beyond = [(name, count) for name, count in plan.beyond if name not in outcome]
    beyond += [(name, count) for name, count in outcome.items() if count]
    searched = {copies.place: 0 for copies in plan.places if copies.action == "remove"}
    page = recall_page(plan, searched, beyond)
    write_whole(site.reported() / f"recall-{recall.number}.html", BytesIO(page.encode()))
    for centre, label in _deliveries(plan):
        report(site.centre(site.challenge.centre(centre)), label)
    counts = {"found": 0, "locked": locked}
    with job.finish(counts):
        return counts


#: The stages that remove from destinations, which may have locked a version.
_SHIPPING = ("batches", "packages")


def _deliveries(plan: Plan) -> Iterator[tuple[str, str]]:
    """Centre and delivery whose reports count what went."""
    for copies in plan.places:
        if copies.place == "reports":
            for name in copies.ids.split(", "):
                centre, _, label = name.partition("/")
                yield centre, label


@dataclass(frozen=True)
class _Recipient:
    """Somebody to be told: ``name`` within the recall, addresses, what of."""

    name: str
    to: tuple[str, ...]
    text: str


def send_recall_mails(
    site: ChallengeSite, recall: RecallRow, plan: Plan, send: Callable[[Mail], None], *, dismissed: bool = False
) -> dict[str, int]:
    """Tell each recipient once, write the centre's feedback anew, then close the recall. ``without_contact``: places
    for which the challenge file names nobody. ``dismissed``: nothing was removed, and the centre is told that.

    Raises:
        NeedsPerson: it is not carried out yet; or as ``send`` does.
        Retry: as ``send`` does, or a drop cannot be reached.
    """
    if recall.state not in ("removed", "closed"):
        raise NeedsPerson(f"{recall.about} is {recall.state}, not carried out.", "let carry_out_recall end first.")
    everybody = list(_of_rejection(site, plan) if dismissed else _recipients(site, plan))
    counts = {"mails": 0, "without_contact": sum(not one.to for one in everybody)}
    for one in everybody:
        job = begin(site.catalogue, recall.challenge_id, f"{recall.about}/mail/{one.name}")
        if one.to and not isinstance(job, dict):
            subject, _, body = one.text.partition("\n")
            send(Mail(one.to, subject, body.lstrip("\n")))
            with job.finish({"mails": 1}):
                counts["mails"] += 1
    for centre, label in () if dismissed else _deliveries(plan):
        if has_news(drop := site.centre(site.challenge.centre(centre)), label):
            feedback(drop, label)
    if recall.state != "closed":
        with site.catalogue.transaction() as connection:
            recall_state(connection, recall, "closed")
    return counts


def _recipients(site: ChallengeSite, plan: Plan) -> Iterator[_Recipient]:
    """Who is told: the coordination (for the HDH too), the centre, each host and the public place that had copies."""
    challenge = site.challenge
    files = plan.count("catalogue")
    shipped = {"objects": plan.count("hdh") + plan.count("tables"), "documents": plan.count("documents")}
    at_hdh = bool(shipped["documents"])

    def mail(parts: list[str], **counts: object) -> str:
        return mail_text(parts, plan, challenge.id, **counts)

    coordination = tuple(contact.email for contact in (challenge.coordinator, *challenge.contacts))
    told = ["coordinator", "hdh"] if at_hdh else ["coordinator"]
    yield _Recipient("coordinator", coordination, mail(told, count=files, **shipped))
    yield _Recipient("centre", _people(site, plan), mail(["centre"], count=files))
    contacts = {one.id: one.contact for one in (challenge.release.destinations if challenge.release else ())}
    for copies in plan.places:
        kind, _, name = copies.place.partition("/")
        if kind == "host":
            host, _, label = name.partition("/")
            to = contacts.get(host)
            yield _Recipient(f"{host}-{label}", (to,) if to else (), mail(["host"], name=label, count=copies.count))
        elif kind == "public":
            to = challenge.open_data.contact if challenge.open_data else None
            yield _Recipient(f"public-{name}", (to,) if to else (), mail(["public"], name=name, count=copies.count))


def _of_rejection(site: ChallengeSite, plan: Plan) -> Iterator[_Recipient]:
    """Who asked is told."""
    yield _Recipient("centre", _people(site, plan), mail_text(["rejected"], plan, site.challenge.id))


def _people(site: ChallengeSite, plan: Plan) -> tuple[str, ...]:
    """The addresses of the centre: its contacts, and whom it names for data protection."""
    centre = site.challenge.centre(plan.centre)
    people = (*centre.contacts, centre.agreement.data_protection_contact)
    return tuple(dict.fromkeys(contact.email for contact in people))
