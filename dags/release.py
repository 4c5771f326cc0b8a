"""Makes a release of what is accepted, has two people approve it, and sends it to the competition's hosts.

**Runs** when somebody presses *Trigger*; the form may stay empty. A version that is being made, or was made of exactly
what is accepted now, is taken up again and not made twice.

**Green** means: the version is frozen, its certificate verifies, a coordinator and a data-protection officer have
approved its digest, and every object is proved to be at each host, the manifest last. After a rejection, what follows
is skipped.

Nothing but the two answers under *Required Actions* lets it leave: a task that is marked as success, or a run that is
started again, sends nothing.

| red task | what it means | press |
|---|---|---|
| start | homogeneity is not decided, or another version is in the making | *Trigger* again, once mended |
| freeze | what is accepted cannot be shared out: the log says why | *Clear*, once mended |
| coordinator, officer | nobody is named under `people`, or what was shown has changed since | *Trigger* again |
| plan_host | not approved; or a file, a region or the gate stands against it | *Clear* `coordinator` and `officer` |
| ship_to_host | a host refuses us, or the connection was lost five times; what arrived is not sent again | *Clear* |
| commit_host | an object lacks its proof | *Clear* `ship_to_host`, with its downstream |
| board | the folder of reports is full, or refuses us; the release is sent all the same | *Clear* |
"""

from airflow.sdk import DAG, TriggerRule

from collecte.challenge import Challenge
from collecte_airflow import forms, ids, steps
from collecte_airflow.challenges import challenges
from collecte_airflow.decisions import DecisionOperator, about
from collecte_airflow.failures import tell_silent
from collecte_airflow.pages import page, title
from collecte_airflow.site import whole
from collecte_airflow.tasks import DEFAULT_ARGS, shard_step, step, tell, tell_packages


def release(challenge: Challenge) -> DAG:
    with DAG(
        dag_id=ids.dag_id("release", challenge.id),
        dag_display_name=f"Release · {title(challenge)}",
        doc_md=page(__doc__, challenge),
        schedule=None,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        params={"discard": forms.version("Discard", "nothing is discarded. A version that was never frozen.")},
        tags=ids.tags("release", challenge.id),
        default_args=DEFAULT_ARGS,
        on_failure_callback=tell_silent,
    ) as dag:

        @step
        def start(params=None):
            at = whole(challenge.id)
            if params["discard"]:
                steps.discard_release(at, params["discard"])
            return steps.start_release(at)

        @step
        def freeze(version):
            return tell("Frozen", steps.freeze_release(whole(challenge.id), version))

        def ask(task_id, role, place):
            asked = about(challenge, role, lambda at, label: steps.release_questions(at, label)[place], "release")
            return DecisionOperator(task_id=task_id, version="{{ ti.xcom_pull(task_ids='start') }}", **asked)

        @step(trigger_rule=TriggerRule.ALL_SUCCESS)  # a rejection skips what comes after
        def plan_host(version):
            return tell_packages("To send", steps.plan_host(whole(challenge.id), version))

        @shard_step(trigger_rule=TriggerRule.ALL_SUCCESS)
        def ship_to_host(ref):
            return tell("Sent and proved", steps.ship_to_host(whole(challenge.id), ref["shard"]))

        @step(map_index_template="{{ task.op_kwargs['destination'] }}", trigger_rule=TriggerRule.ALL_SUCCESS)
        def commit_host(version, destination):
            return tell("Complete at the host", steps.commit_host(whole(challenge.id), version, destination))

        @step(outlets=[ids.released(challenge.id)], trigger_rule=TriggerRule.ALL_SUCCESS)
        def board():
            return steps.write_board(challenge.id)

        version = start()
        frozen = freeze(version)
        people = [ask("coordinator", "coordinator", 0), ask("officer", "data_protection_officer", 1)]
        to_send = plan_host(version)
        frozen >> people >> to_send
        hosts = [destination.id for destination in challenge.release.destinations] if challenge.release else []
        sent = ship_to_host.expand(ref=to_send)
        sent >> commit_host.partial(version=version).expand(destination=hosts) >> board()
    return dag


for _challenge in challenges("release"):
    if _challenge.release:
        globals()[ids.dag_id("release", _challenge.id)] = release(_challenge)
