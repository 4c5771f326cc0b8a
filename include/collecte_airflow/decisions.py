"""A task that asks one person, under *Required Actions*, and keeps the answer as an event of the catalogue.

Airflow's own record of the answer is no proof: a task can be marked as successful, an XCom written. What counts is what
:func:`collecte.steps.decisions.answer` keeps, under the login that Airflow resumes the task with, over the digest of
what was shown. That digest waits with the task, where no user of Airflow can reach it.

Airflow keeps the text that a task of a run has shown first, also for its later tries. So an answer that cannot be taken
is asked for again with the same text; but where something else is to be shown by now, it takes a new run.

Airflow 3.3.2 loses an answer that is given before its scheduler has noticed that the process which asks has ended, a
second after the form appears: it takes the task for killed, and the next try asks again. Nothing is decided by then.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, TriggerRule
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowSkipException, TaskAwaitingInput

from collecte.challenge import ANSWERS, Challenge, Role
from collecte.errors import NeedsPerson
from collecte_airflow import steps
from collecte_airflow.site import whole
from collecte_airflow.tasks import wall

if TYPE_CHECKING:
    from collecte.steps import ChallengeSite, Question

log = structlog.get_logger("collecte.task")

#: Gives the question as things stand now, or None where there is nothing to decide any more.
Asks = Callable[["ChallengeSite", str], "Question | None"]

_HOW = (
    "*Toute réponse autre que « approve » demande un motif en toutes lettres ; une réponse incomplète est redemandée "
    "ici même. / Any answer but “approve” needs a reason in words; one that is incomplete is asked for again, here.*"
)


class DecisionOperator(HITLOperator):
    """Ask those of a role. ``asks``: what, given the challenge's site and ``version`` (``v1``, the number of a recall);
    ``answers``: what may be chosen. See :func:`about`.

    A rejection skips what comes after. A bad answer, an empty one, or somebody else's is asked for again. Who has
    approved already is not asked. The board is written before a question and after an answer. ``again``: ask for the
    rest in a new run of the DAG, which needs nothing from its form.
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
        again: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            subject="…",
            options=list(answers),
            params=_fields({}),
            assigned_users=[{"id": login, "name": login} for login in logins],
            **{name: value for name, value in options.items() if name != "params"},  # params: the DAG's own form
        )
        self.challenge_id, self.role, self.asks, self.version, self.again = challenge_id, role, asks, version, again

    def execute(self, context: Any) -> None:
        """Ask; or end at once where nothing is left to decide.

        Raises:
            NeedsPerson: nobody has the role; or this task has shown something else before.
        """
        with wall():
            at, question = self._question()
            steps.write_board(self.challenge_id)
            if question is None or self._has_approved(at, question):
                log.info("There is nothing to decide any more.")
                return
            if not at.challenge.people.logins(self.role):
                raise NeedsPerson(
                    f"Nobody may answer: the challenge file names no {question.logins}.",
                    f"name their logins under people.{question.logins}, then clear the task.",
                )
            self._show(context, question)

    def execute_complete(self, context: Any, event: dict[str, Any], shown: str = "") -> None:
        """Keep the answer, over the digest ``shown``.

        Raises:
            TaskAwaitingInput: it cannot be taken; it is asked for again.
            AirflowSkipException: it is a rejection.
        """
        given, fields = next(iter(event["chosen_options"]), ""), event["params_input"] or {}
        with wall():
            at, question = self._question()
            if question is None:
                log.info("There is nothing to decide any more.")
                return
            if question.digest != shown:
                self._elsewhere(context)
                return
            texts = {name: str(fields.get(name) or "") for name in ("value", "reason")}
            try:
                steps.answer(at, question, _login(event.get("responded_by_user")), given, **texts)
            except steps.BadAnswer as bad:
                log.warning(f"{bad} It is asked again.")
                self._show(context, question)
                return
            log.info(f"Answered: {given}.", challenge=self.challenge_id, about=question.about, role=self.role)
            steps.write_board(self.challenge_id)
            if given == "reject":
                raise AirflowSkipException("Rejected: nothing is sent, and nothing is removed.")
            if self.again and self._question()[1] is not None:
                self._elsewhere(context)

    def _question(self) -> "tuple[ChallengeSite, Question | None]":
        at = whole(self.challenge_id)
        return at, self.asks(at, str(self.version))

    def _has_approved(self, at: "ChallengeSite", question: "Question") -> bool:
        approving = "approve" in question.answers
        return approving and self.role not in steps.missing_approvals(at, question.about, question.digest)

    def _show(self, context: Any, question: "Question") -> None:
        """Put the question, and wait. Airflow says what it shows: its own first text, where there was one."""
        from airflow.sdk.api.datamodels._generated import HITLUser
        from airflow.sdk.execution_time.comms import CreateHITLDetailPayload
        from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

        self.subject, self.options = question.title, list(question.answers)
        self.body = f"{question.text}\n\n{_HOW}\n\nEmpreinte / Fingerprint: `{question.digest}`"
        self.params = ParamsDict(_fields(question.values))
        request = CreateHITLDetailPayload(
            ti_id=context["ti"].id,
            options=self.options,
            subject=self.subject,
            body=self.body,
            params=self.serialized_params,
            assigned_users=[HITLUser(**user) for user in self.assigned_users or []],
        )
        shown: Any = SUPERVISOR_COMMS.send(request)
        if shown.body != self.body:
            self._elsewhere(context)
            return
        log.info(f"Asked about {question.about}.", challenge=self.challenge_id, role=self.role)
        raise TaskAwaitingInput(method_name="execute_complete", kwargs={"shown": question.digest})

    def _elsewhere(self, context: Any) -> None:
        """Have it asked in a new run, which shows things as they are now.

        Raises:
            NeedsPerson: the DAG's form may matter: somebody has to start it.
        """
        from airflow.sdk.execution_time.comms import TriggerDagRun
        from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

        if not self.again:
            raise NeedsPerson(
                "What is to be decided is no longer what this run has shown.",
                "start a new run: it goes on where this one ended, and asks with what is so now.",
            )
        ti = context["ti"]
        SUPERVISOR_COMMS.send(TriggerDagRun(dag_id=ti.dag_id, run_id=f"asked-again__{ti.id}"))
        log.info("Something is left to decide: a new run asks about it.", challenge=self.challenge_id)


def about(challenge: Challenge, role: Role, asks: Asks, kind: str, *, again: bool = False) -> dict[str, Any]:
    """The arguments of a task that asks: ``DecisionOperator(task_id="officer", **about(…))``. ``kind``: of what, as
    :data:`~collecte.challenge.ANSWERS` names it.
    """
    return {
        "challenge_id": challenge.id,
        "role": role,
        "logins": list(challenge.people.logins(role)),
        "asks": asks,
        "answers": list(ANSWERS[kind]),
        "again": again,
        # A lost answer is asked for again at once: somebody is waiting before the form.
        "retry_delay": timedelta(seconds=5),
        "retry_exponential_backoff": 0,
        "trigger_rule": TriggerRule.NONE_FAILED,
    }


def _fields(values: Mapping[str, tuple[str, ...]]) -> dict[str, Param]:
    """The form: a reason, and what is left out where that may be an answer. Nothing is required by Airflow, which would
    fail the task where a value is missing: we ask again.
    """
    choices = sorted({choice for some in values.values() for choice in some})
    fields = {"reason": Param(None, type=["null", "string"], title="Motif / Reason", format="multiline")}
    if choices:
        fields["value"] = Param(
            None,
            type=["null", "string"],
            enum=[None, *choices],
            title="Ce qui est écarté / What is left out",
            description_md="Le centre ou la variable à écarter. / The centre or the fact to leave out.",
        )
    return fields


def _login(user: Any) -> str:
    """The login of who answered, as the auth manager gives it; empty where nobody did."""
    return str(user["id"] if isinstance(user, Mapping) else getattr(user, "id", ""))
