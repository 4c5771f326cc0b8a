"""Makes an Open Data package of a release, has two people approve it, and publishes it.

**Runs** when somebody presses *Trigger*, after the embargo; the form names the release, or takes the newest one.

**Green** means: every condition of the gate holds, the package is made and verifies, a coordinator and a
data-protection officer have approved its digest, and every object is proved to be in the public place. After a
rejection, what follows is skipped. What is published can be copied by anybody: a recall removes it here, and nowhere
else.

| red task | what it means | press |
|---|---|---|
| start | a condition of the gate does not hold: the log names each, with its remedy | *Trigger* again, once mended |
| make | the package cannot be made: the log says why | *Clear*, once mended |
| coordinator, officer | nobody is named under `people`, or what was shown has changed since | *Trigger* again |
| publish | it is not approved, a file changed since, or the public place refuses us | *Clear* |
| board | the folder of reports is full, or refuses us; the package is public all the same | *Clear* |
"""

from airflow.sdk import DAG, TriggerRule

from collecte.challenge import Challenge
from collecte_airflow import forms, ids, steps
from collecte_airflow.challenges import challenges
from collecte_airflow.decisions import DecisionOperator, about
from collecte_airflow.failures import tell_silent
from collecte_airflow.pages import page, title
from collecte_airflow.site import whole
from collecte_airflow.tasks import DEFAULT_ARGS, step, tell


def open_data(challenge: Challenge) -> DAG:
    with DAG(
        dag_id=ids.dag_id("open_data", challenge.id),
        dag_display_name=f"Open Data · {title(challenge)}",
        doc_md=page(__doc__, challenge),
        schedule=None,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        params={"release": forms.version("Release", "the newest one.")},
        tags=ids.tags("open_data", challenge.id),
        default_args=DEFAULT_ARGS,
        on_failure_callback=tell_silent,
    ) as dag:

        @step
        def start(params=None):
            return steps.start_open(whole(challenge.id), params["release"])

        @step
        def make(version):
            return tell("Made", steps.make_open(whole(challenge.id), version))

        def ask(task_id, role, place):
            asked = about(challenge, role, lambda at, label: steps.open_questions(at, label)[place], "open")
            return DecisionOperator(task_id=task_id, version="{{ ti.xcom_pull(task_ids='start') }}", **asked)

        @step(trigger_rule=TriggerRule.ALL_SUCCESS)  # a rejection skips what comes after
        def publish(version):
            return tell("Published and proved", steps.publish_open(whole(challenge.id), version))

        @step(outlets=[ids.published(challenge.id)], trigger_rule=TriggerRule.ALL_SUCCESS)
        def board():
            return steps.write_board(challenge.id)

        version = start()
        people = [ask("coordinator", "coordinator", 0), ask("officer", "data_protection_officer", 1)]
        make(version) >> people >> publish(version) >> board()
    return dag


for _challenge in challenges("open_data"):
    if _challenge.open_data:
        globals()[ids.dag_id("open_data", _challenge.id)] = open_data(_challenge)
