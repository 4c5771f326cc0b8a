"""Ships accepted batches of one challenge to the HDH bucket, and proves that they arrived as they left.

**Runs** once for each batch that *Collect* accepts: the run's partition key says which, `<centre>/<delivery>`. To ship
one again, press *Trigger*, open *Advanced Options* and fill in *Partition Key*. What is proved already is not sent.

**Green** means: every object of the batch is in the bucket under its own SHA-256, by the server's own check or by
reading it back; the batch's manifest was written last; each object has a receipt in the catalogue; the coordinator's
report says that it was sent.

| red task | what it means | press |
|---|---|---|
| plan_ship | the run has no partition key, or the batch is not accepted | *Trigger*, with a key |
| ship | the bucket refuses us, or the connection was lost five times; what arrived is not sent again | *Clear* |
| ship, *differs* | another object has a name of ours, and is not overwritten: find out who wrote it | nothing |
| commit_shipment | an object lacks its proof | *Clear* `ship`, with its downstream |
| report | the folder of reports is full, or refuses us; the batch is shipped all the same | *Clear* |
"""

from airflow.sdk import DAG, PartitionedAssetTimetable

from collecte.challenge import Challenge
from collecte_airflow import ids, steps
from collecte_airflow.challenges import challenges
from collecte_airflow.failures import tell_silent
from collecte_airflow.pages import page, title
from collecte_airflow.site import site
from collecte_airflow.tasks import DEFAULT_ARGS, shard_step, step, tell, tell_shards


def ship_hdh(challenge: Challenge) -> DAG:
    with DAG(
        dag_id=ids.dag_id("ship_hdh", challenge.id),
        dag_display_name=f"Ship to the HDH · {title(challenge)}",
        doc_md=page(__doc__, challenge),
        schedule=PartitionedAssetTimetable(assets=ids.accepted(challenge.id)),
        catchup=False,
        max_active_runs=4,
        is_paused_upon_creation=False,
        tags=ids.tags("ship_hdh", challenge.id),
        default_args=DEFAULT_ARGS,
        on_failure_callback=tell_silent,
    ) as dag:

        @step
        def plan_ship(dag_run=None):
            centre, delivery = ids.read_partition_key(dag_run.partition_key)
            return tell_shards("To ship", steps.plan_ship(site(challenge.id, centre), delivery))

        @shard_step
        def ship(ref, dag_run=None):
            centre, _ = ids.read_partition_key(dag_run.partition_key)
            return tell("Shipped and proved", steps.ship(site(challenge.id, centre), ref["shard"]))

        @step(outlets=[ids.shipped_to_hdh(challenge.id)])  # its event takes the key of this run
        def commit_shipment(dag_run=None):
            centre, delivery = ids.read_partition_key(dag_run.partition_key)
            return tell("Shipment complete", steps.commit_shipment(site(challenge.id, centre), delivery))

        @step
        def report(dag_run=None):
            centre, delivery = ids.read_partition_key(dag_run.partition_key)
            return tell("Report written anew", steps.report(site(challenge.id, centre), delivery))

        ship.expand(ref=plan_ship()) >> commit_shipment() >> report()
    return dag


for _challenge in challenges("ship_hdh"):
    globals()[ids.dag_id("ship_hdh", _challenge.id)] = ship_hdh(_challenge)
