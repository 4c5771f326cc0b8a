"""Takes one centre's deliveries from its drop into our landing zone, makes them safe, checks them, and accepts them.

**Runs** each night, by itself once a delivery is complete in the drop (where the challenge file has it polled), and by
hand: press *Trigger* after a centre has called. Leave the form empty to take all that is complete; fill in a delivery
(`d0001`) to go on with that one alone; tick *Quarantine* to have refused files judged anew after a rule changed. Where
nothing is complete it ends green at once; the log of `find` says which deliveries wait, and why.

**Green** means: every file is accepted, or refused with a finding (`collecte status` lists them). The shipping of the
accepted ones to the HDH starts by itself. A line *Incident* in the log of `report`: a delivery that was to be coded
holds direct identifiers; the line names whom to tell.

| red task | what it means | press |
|---|---|---|
| find | the drop refuses us, or no agreement in force: the tab *What to press* says which | *Clear* |
| receive | the connection was lost five times, the server refused us, or our disk is full | *Clear*: it resumes |
| unpack, harvest, group, make_safe, describe | a fault of ours or a full disk, never a bad file | *Clear* |
| validate | a suite in `expectations/` cannot be run: correct it | *Clear* |
| accept | safe copies are no longer what was made: check the disk | *Clear* `make_safe`, with its downstream |
| empty_drop | the drop refuses us: received files stay there | *Clear* |
| report | the figures do not add up, or the folder of reports is full: the tab *What to press* says which | *Clear* |
| feedback | the drop does not let us write into its folder `retour`; the delivery is accepted all the same | *Clear* |
| mail | the mail server refuses us; report and feedback are written all the same | *Clear* |

Nothing is done twice by clearing. Marking a task as success lets nothing pass: each step reads the catalogue.
"""

from airflow.sdk import DAG, chain

from collecte.challenge import Centre, Challenge
from collecte_airflow import failures, forms, ids, links, notifiers, steps, tasks
from collecte_airflow.challenges import centres
from collecte_airflow.pages import page, title
from collecte_airflow.site import site
from collecte_airflow.tasks import DEFAULT_ARGS, delivery_step, finding_step, shard_step, step


def collect(challenge: Challenge, centre: Centre) -> DAG:  # noqa: C901  a list of tasks, without a branch
    here = (challenge.id, centre.id)
    accepted = ids.accepted(challenge.id)
    with DAG(
        dag_id=ids.dag_id("collect", *here),
        dag_display_name=f"Collect · {title(challenge, centre)}",
        doc_md=page(__doc__, challenge, centre),
        schedule=forms.starts(challenge, centre),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        params={"delivery": forms.delivery(), "quarantine": forms.quarantine()},
        tags=ids.tags("collect", *here),
        default_args=DEFAULT_ARGS,
        on_failure_callback=failures.tell_silent,
    ) as dag:

        @finding_step
        def find(params=None, dag_run=None):
            at = site(*here)
            forms.judge_anew(at, params, dag_run)
            found = steps.find(at, params["delivery"])
            tasks.tell_waiting(steps.waiting(at))
            return tasks.tell_shards("To receive", found)

        @step
        def deliveries(refs):
            return ids.deliveries_of(refs)

        @shard_step(max_active_tis_per_dag=centre.connections)
        def receive(ref):
            return tasks.tell("Received", steps.receive(site(*here), ref["shard"]))

        @step
        def unpack(labels):
            return tasks.tell_shards("To harvest", steps.unpack(site(*here), labels))

        @shard_step
        def harvest(ref):
            return tasks.tell("Harvested, sealed", steps.harvest(site(*here), ref["shard"]))

        @step
        def group(labels):
            return tasks.tell_shards("To make safe", steps.group(site(*here), labels))

        @shard_step
        def make_safe(ref):
            return tasks.tell("Made safe and scanned", steps.make_safe(site(*here), ref["shard"]))

        @shard_step
        def describe(ref):
            return tasks.tell("Described", steps.describe(site(*here), ids.shard_of(ref, "describe")))

        @links.linked(links.DataDocsLink())
        @delivery_step
        def validate(delivery):
            return tasks.tell("Validated", steps.validate(site(*here), delivery))

        @delivery_step(outlets=[accepted], max_active_tis_per_dag=1)  # one corrects another: in their order
        def accept(delivery, outlet_events=None):
            outlet_events[accepted].add_partitions(ids.partition_key(centre.id, delivery))
            return tasks.tell("Accepted", steps.accept(site(*here), delivery))

        @delivery_step
        def empty_drop(delivery):
            return tasks.tell("Removed from the drop", steps.empty_drop(site(*here), delivery))

        @links.linked(links.ReportLink(), links.DataDocsLink())
        @delivery_step
        def report(delivery):
            at = site(*here)
            tasks.tell_incident(delivery, steps.incident(at, delivery))
            return tasks.tell("Adds up", steps.report(at, delivery))

        @delivery_step
        def feedback(delivery):
            return tasks.tell("Told the centre in its drop", steps.feedback(site(*here), delivery))

        @delivery_step
        def mail(delivery):
            return tasks.tell("Told by mail", notifiers.tell_people(site(*here), delivery))

        found = find()
        labels = deliveries(found)
        to_harvest, to_make_safe = unpack(labels), group(labels)
        receive.expand(ref=found) >> to_harvest
        harvest.expand(ref=to_harvest) >> to_make_safe
        last = [validate, accept, *([empty_drop] if centre.empty_after_receipt else []), report, feedback, mail]
        by_shard = [work.expand(ref=to_make_safe) for work in (make_safe, describe)]
        chain(*by_shard, *(work.expand(delivery=labels) for work in last))
    return dag


for _challenge, _centre in centres("collect"):
    globals()[ids.dag_id("collect", _challenge.id, _centre.id)] = collect(_challenge, _centre)
