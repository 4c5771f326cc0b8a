"""Judges whether the centres' data belong together, and asks the coordinator where they do not.

**Runs** by itself after each batch that reaches the HDH, and when you press *Trigger*.

**Green** means: every centre was compared with all others together, the page *Homogeneity* is written, and nothing
stands in the way of a release: no difference is red, or the coordinator has decided about each that is.

While the coordinator is asked, the run waits under *Required Actions*: accept the difference with a reason, leave a
centre out of the release, or leave a fact out of it. The answer is an event of the audit chain, with the login. Where
something stays red then, a new run asks about it.

| red task | what it means | press |
|---|---|---|
| judge | the facts of a batch cannot be read, or expectations/homogeneity.json is broken | *Clear*, once mended |
| coordinator | no coordinator is named under `people` in the challenge file | *Clear*, once mended |
"""

from airflow.sdk import DAG, FixedKeyMapper, PartitionedAssetTimetable

from collecte.challenge import Challenge
from collecte_airflow import ids, steps
from collecte_airflow.challenges import challenges
from collecte_airflow.decisions import DecisionOperator, about
from collecte_airflow.failures import tell_silent
from collecte_airflow.pages import page, title
from collecte_airflow.site import whole
from collecte_airflow.tasks import DEFAULT_ARGS, step, tell


def homogeneity(challenge: Challenge) -> DAG:
    with DAG(
        dag_id=ids.dag_id("homogeneity", challenge.id),
        dag_display_name=f"Homogeneity · {title(challenge)}",
        doc_md=page(__doc__, challenge),
        schedule=PartitionedAssetTimetable(
            assets=ids.shipped_to_hdh(challenge.id), default_partition_mapper=FixedKeyMapper(challenge.id)
        ),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags=ids.tags("homogeneity", challenge.id),
        default_args=DEFAULT_ARGS,
        on_failure_callback=tell_silent,
    ) as dag:

        @step(outlets=[ids.judged(challenge.id)])
        def judge():
            return tell("Judged", steps.judge_homogeneity(whole(challenge.id)))

        asked = about(challenge, "coordinator", lambda at, _: steps.homogeneity_question(at), "homogeneity", again=True)
        judge() >> DecisionOperator(task_id="coordinator", **asked)
    return dag


for _challenge in challenges("homogeneity"):
    globals()[ids.dag_id("homogeneity", _challenge.id)] = homogeneity(_challenge)
