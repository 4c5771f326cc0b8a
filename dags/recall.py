"""Takes a subject, an object or a delivery back out of everything, after an opposition or a request for erasure.

**Runs** when somebody presses *Trigger*. With an empty form it takes what the centres ask for in the folder `recall/`
of their drops; with centre and target it takes what the form names, by the catalogue's own id. A patient's identifier
never belongs into this form.

**Green** means: every copy that can be removed is removed, and each place was looked at again; releases and Open Data
packages that held it were made anew, signed and sent again; the subject is refused at reception from now on; each
recipient has their notice. Copies that others downloaded, and versions that a store has locked, are listed as what we
cannot remove. A recall that the officer rejected is closed, and nothing is removed. Where nobody asks for anything, the
rest is skipped.

| red task | what it means | press |
|---|---|---|
| find | a centre's drop does not answer, or the form names nothing that is there | *Trigger*, with another form |
| plan | a copy's place cannot be looked at: the log says which | *Clear*, once mended |
| officer | no officer is named under `people`, or what was shown has changed since | *Trigger*, with the same form |
| carry_out | it is not approved, or a place refuses to remove: what is removed stays removed | *Clear*, once mended |
| notify | the mail server does not answer; whoever has their notice does not get it twice | *Clear* |
| board | the folder of reports is full, or refuses us; the recall is carried out all the same | *Clear* |
"""

from airflow.sdk import DAG, TriggerRule

from collecte.challenge import Challenge
from collecte_airflow import forms, ids, steps
from collecte_airflow.challenges import challenges
from collecte_airflow.decisions import DecisionOperator, about
from collecte_airflow.failures import tell_silent
from collecte_airflow.notifiers import send_mail
from collecte_airflow.pages import page, title
from collecte_airflow.site import whole
from collecte_airflow.tasks import DEFAULT_ARGS, finding_step, step, tell

_LABEL = "recall {{ task.op_kwargs['number'] }}"


def recall(challenge: Challenge) -> DAG:
    with DAG(
        dag_id=ids.dag_id("recall", challenge.id),
        dag_display_name=f"Recall · {title(challenge)}",
        doc_md=page(__doc__, challenge),
        schedule=None,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        params=forms.recall(challenge),
        tags=ids.tags("recall", challenge.id),
        default_args=DEFAULT_ARGS,
        on_failure_callback=tell_silent,
    ) as dag:

        @finding_step
        def find(params=None):
            return forms.recalls_asked(whole(challenge.id), params)

        @step(map_index_template=_LABEL)
        def plan(number):
            steps.plan_recall(whole(challenge.id), int(number))
            return number

        # Also where an officer's task was skipped: that closes what was rejected, and hinders no other recall.
        @step(map_index_template=_LABEL)
        def carry_out(number):
            return tell("Removed", steps.carry_out_recall(whole(challenge.id), int(number)))

        @step(map_index_template=_LABEL)
        def notify(number):
            return tell("Told", steps.notify_recall(whole(challenge.id), int(number), send_mail))

        hdh = ids.shipped_to_hdh(challenge.id)

        @step(outlets=[hdh], trigger_rule=TriggerRule.ALL_SUCCESS)  # what is left is judged anew
        def board(outlet_events=None):
            outlet_events[hdh].add_partitions(f"recall/{challenge.id}")
            return steps.write_board(challenge.id)

        numbers = find()
        asked = about(challenge, "data_protection_officer", lambda at, n: steps.recall_question(at, int(n)), "recall")
        officer = DecisionOperator.partial(task_id="officer", **asked).expand(version=plan.expand(number=numbers))
        officer >> carry_out.expand(number=numbers) >> notify.expand(number=numbers) >> board()
    return dag


for _challenge in challenges("recall"):
    globals()[ids.dag_id("recall", _challenge.id)] = recall(_challenge)
