"""A task that asks one person, under *Required Actions*, and keeps the answer as an event of the catalogue.

Airflow's own record of the answer is no proof: a task can be marked as successful, an XCom written. What counts is what
:func:`collecte.steps.decisions.answer` keeps, under the login that Airflow resumes the task with, over the digest of
what was shown. The form carries that digest; where something else would be approved by now, it is asked again.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, TriggerRule
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowSkipException

from collecte.challenge import ANSWERS, Challenge, Role
from collecte.errors import Retry
from collecte_airflow import steps
from collecte_airflow.site import whole
from collecte_airflow.tasks import wall

if TYPE_CHECKING:
    from collecte.steps import ChallengeSite, Question

log = structlog.get_logger("collecte.task")

#: What was wrong with an answer, for the next try to say.
_WRONG = "wrong"

#: Gives the question as things stand now, or None where there is nothing to decide any more.
Asks = Callable[["ChallengeSite", str], "Question | None"]


class AskedAgain(Retry):
    """An answer that could not be taken: Airflow runs the task again, and the form says what was wrong."""


class DecisionOperator(HITLOperator):
    """Ask those of a role. ``asks``: what, given the challenge's site and ``version`` (``v1``, the number of a recall);
    ``answers``: what may be chosen. See :func:`about`.

    A rejection skips what comes after. A bad answer, an empty one, somebody else's, or one over what has changed since,
    is asked again.
    """

    template_fields = ("version",)

    def __init__(
        self,
        *,
        challenge_id: str,
        role: Role,
        logins: Sequence[str],
        asks: Asks,
        answers: Sequence[str],
        version: Any = "",
        **options: Any,
    ) -> None:
        super().__init__(
            subject="…",
            options=list(answers),
            params=_fields(""),
            assigned_users=[{"id": login, "name": login} for login in logins],
            **{name: value for name, value in options.items() if name != "params"},  # params: the DAG's own form
        )
        self.challenge_id, self.role, self.asks, self.version = challenge_id, role, asks, version

    def execute(self, context: Any) -> Any:
        """Ask; or end at once where nothing is left to decide."""
        with wall():
            question = self._question()
            if question is None:
                log.info("There is nothing to decide.")
                return None
            wrong = context["task_state_store"].get(_WRONG)
            self.subject = question.title
            self.body = f"**{wrong}**\n\n{question.text}" if wrong else question.text
            self.params = ParamsDict(_fields(question.digest, question.values))
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Keep the answer.

        Raises:
            AskedAgain: it cannot be taken, or something is left to decide.
            AirflowSkipException: it is a rejection.
        """
        if "error" in event:
            self.process_trigger_event_error(event)
        given, fields = event["chosen_options"][0], event["params_input"] or {}
        login = _login(event["responded_by_user"])
        with wall():
            question = self._question()
            if question is None:
                return None
            self._keep(context, question, login, given, fields)
        if given == "reject":
            raise AirflowSkipException("Rejected: nothing is sent.")
        with wall():
            if self._is_left():
                raise AskedAgain("Something is left to decide: it is asked again.")
        return None

    def _keep(self, context: Any, question: "Question", login: str, given: str, fields: Mapping[str, object]) -> None:
        store = context["task_state_store"]
        texts = {name: str(fields.get(name) or "") for name in ("digest", "value", "reason")}
        if texts["digest"] != question.digest:
            store.set(_WRONG, "Ce qui a été montré a changé depuis. / What was shown has changed since.")
            raise AskedAgain("What was shown has changed since: it is asked again.")
        try:
            steps.answer(whole(self.challenge_id), question, login, given, texts["value"], texts["reason"])
        except steps.BadAnswer as bad:
            store.set(_WRONG, f"{bad.what} {bad.remedy}")
            raise AskedAgain(f"{bad.what} It is asked again.") from None
        store.set(_WRONG, "")
        log.info(f"Answered: {given}.", challenge=self.challenge_id, about=question.about, role=self.role)

    def _question(self) -> "Question | None":
        return self.asks(whole(self.challenge_id), str(self.version))

    def _is_left(self) -> bool:
        """Whether the same is to be asked again: of homogeneity, while something stays red."""
        return self.role == "coordinator" and "approve" not in self.options and self._question() is not None


def about(challenge: Challenge, role: Role, asks: Asks, kind: str) -> dict[str, Any]:
    """The arguments of a task that asks: ``DecisionOperator(task_id="officer", **about(…))``. ``kind``: of what, as
    :data:`~collecte.challenge.ANSWERS` names it.
    """
    return {
        "challenge_id": challenge.id,
        "role": role,
        "logins": list(challenge.people.logins(role)),
        "asks": asks,
        "answers": list(ANSWERS[kind]),
        # Asking again is another try; it ends when the answer can be taken.
        "retries": 1000,
        "retry_delay": timedelta(seconds=2),
        "retry_exponential_backoff": 0,
        "trigger_rule": TriggerRule.NONE_FAILED,
    }


def _fields(digest: str, values: Mapping[str, tuple[str, ...]] | None = None) -> dict[str, Param]:
    """The form: a reason, what is left out, and the fingerprint of what is shown. Nothing is required here: Airflow
    would fail the task where a value is missing, and we ask again.
    """
    choices = sorted({choice for some in (values or {}).values() for choice in some})
    listed = "".join(f"\n- `{choice}`" for choice in choices)
    return {
        "reason": Param(None, type=["null", "string"], title="Motif / Reason"),
        "value": Param(
            None,
            type=["null", "string"],
            title="Ce qui est écarté / What is left out",
            description_md=f"Centre ou variable à écarter. / Centre or fact to leave out.{listed}",
        ),
        "digest": Param(
            digest or None,
            type=["null", "string"],
            title="Empreinte / Fingerprint",
            description_md="De ce qui est montré ici : ne la changez pas. / Of what is shown here: leave it.",
        ),
    }


def _login(user: Any) -> str:
    """The login of who answered, as the auth manager gives it."""
    return str(user["id"] if isinstance(user, Mapping) else user.id)
