"""Questions to people, and their answers. An answer counts once it is an event here, and over one digest alone.

Who is asked is named in the challenge file (``people``). Nothing but :func:`answer` makes a decision, and nothing calls
it but the task that Airflow resumes with a logged-in user's response: the command has no verb for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from collecte.catalogue import Decision, PackageRow, decide, decisions_about, new_decision
from collecte.challenge import ANSWERS as ANSWERS
from collecte.challenge import Role
from collecte.errors import NeedsPerson
from collecte.steps.challenge_site import ChallengeSite

#: Whose approval each kind of thing needs before it leaves, is published or is removed.
APPROVERS: dict[str, tuple[Role, ...]] = {
    "release": ("coordinator", "data_protection_officer"),
    "open": ("coordinator", "data_protection_officer"),
    "recall": ("data_protection_officer",),
    "homogeneity": ("coordinator",),
}

#: Answers that need a reason in words, at least so long.
REASON_LENGTH = 10


class BadAnswer(NeedsPerson):
    """An answer that cannot be taken: ask again, with what is wrong."""


@dataclass(frozen=True)
class Question:
    """What one person is asked. ``about``: ``release/v1``; ``digest`` of what is shown; ``text``: Markdown; ``values``:
    what may be left out, by answer.
    """

    about: str
    digest: str
    role: Role
    title: str
    text: str
    answers: tuple[str, ...]
    values: dict[str, tuple[str, ...]]

    @property
    def logins(self) -> str:
        """The name of the list in the challenge file that says who may answer."""
        return "coordinators" if self.role == "coordinator" else "data_protection_officers"


def approval_questions(package: PackageRow, title: str, text: str) -> tuple[Question, Question]:
    """What coordinator and data-protection officer are asked of a package, over its digest: the same, each."""
    kind = kind_of(package.about)
    coordinator, officer = (
        Question(package.about, str(package.digest), role, title, text, ANSWERS[kind], {}) for role in APPROVERS[kind]
    )
    return coordinator, officer


def kind_of(about: str) -> str:
    """``release`` of ``release/v1``."""
    return about.partition("/")[0]


def answer(site: ChallengeSite, question: Question, login: str, given: str, value: str = "", reason: str = "") -> None:
    """Keep a person's answer as an event over the question's digest.

    Raises:
        BadAnswer: nobody may answer so: another login than those of the role, an unknown answer, a missing reason or
            value, or somebody who has approved the same in another role.
    """
    people = site.challenge.people
    if login not in people.logins(question.role):
        raise BadAnswer(
            f"{question.about} is asked of a {question.role.replace('_', ' ')}, and another login answered.",
            f"let one of those answer whom the challenge file names under people.{question.logins}.",
        )
    if given not in question.answers:
        raise BadAnswer("That is none of the answers.", f"choose one of {', '.join(question.answers)}.")
    choices = question.values.get(given, ())
    if choices and value not in choices:
        raise BadAnswer("It is not said what is left out.", f"name one of {', '.join(choices)}.")
    if given != "approve" and len(reason.strip()) < REASON_LENGTH:
        raise BadAnswer("The reason is missing.", f"write it in words, {REASON_LENGTH} characters or more.")
    with site.catalogue.transaction() as connection:
        for other in decisions_about(connection, site.challenge.id, question.about, question.digest):
            if other.login == login and other.role != question.role:
                raise BadAnswer("The same person answered in another role.", "let somebody else answer.")
        found = new_decision(
            question.about, question.digest, question.role, login, given, value if choices else "", reason.strip()
        )
        decide(connection, site.challenge.id, found)


def latest(site: ChallengeSite, about: str, digest: str) -> dict[str, Decision]:
    """The newest answer of each role over a digest; only of logins that the challenge file still names."""
    with site.catalogue.read() as connection:
        given = decisions_about(connection, site.challenge.id, about, digest)
    people = site.challenge.people
    return {one.role: one for one in given if people.role_of(one.login) == one.role}


def missing_approvals(site: ChallengeSite, about: str, digest: str) -> Sequence[Role]:
    """The roles whose approval over this digest is not there; of two people each."""
    given = latest(site, about, digest)
    approved = {role: one.login for role, one in given.items() if one.answer == "approve"}
    if len(set(approved.values())) != len(approved):
        return APPROVERS[kind_of(about)]
    return [role for role in APPROVERS[kind_of(about)] if role not in approved]


def require_approved(site: ChallengeSite, about: str, digest: str) -> None:
    """Stop what would leave, be published or be removed without approval.

    Raises:
        NeedsPerson: an approval over exactly this digest is missing.
    """
    if missing := missing_approvals(site, about, digest):
        roles = " and ".join(role.replace("_", " ") for role in missing)
        raise NeedsPerson(
            f"{about} is not approved: the approval of a {roles} is missing.",
            "let them answer under Required Actions, in the run that asks; marking a task as success approves nothing.",
        )
