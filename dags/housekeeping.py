"""Looks after the installation: retention, unfinished uploads, copies, audit chains, what is late, room on the disks.

**Runs** each night, after the collections, and by hand: press *Trigger*. One line for each challenge in each task;
what fails at one centre or challenge keeps no other.

**Green** means: what has outlived the `retention` of its challenge file is gone from landing, and the audit chain says
what and how much; no upload of ours stands unfinished; the copies that were read tonight are those that were written;
every audit chain holds. Warnings in the logs of `watch` and `space` want somebody all the same.

| red task | what it means | press |
|---|---|---|
| purge | a file of landing cannot be removed: the log's last line says why | *Clear*, once mended: it goes on |
| uploads | the HDH's bucket or a centre's drop does not answer, or refuses us | *Clear*, once mended |
| hosts | a competition host or the public place does not answer, or refuses us | *Clear*, once mended |
| fixity | a copy is missing or changed on its disk: the log names it. Nothing was overwritten | *Clear*, once mended |
| audit | the catalogue was changed by hand, or its disk fails: stop the runs, call the engineer on duty | nothing |
| watch | the catalogue or a challenge's keys cannot be had | *Clear*, once mended |
| space | the catalogue cannot be had, or a zone's setting is wrong | *Clear*, once mended |

Challenge files that cannot be used are passed over here; the banner of the start page names them. Nothing is done twice
by clearing. Keep the head that `audit` logs somewhere else: with it, a catalogue that was rewritten as a whole shows.
"""

from airflow.sdk import DAG, TriggerRule, XComArg, chain

from collecte.challenge import Challenge
from collecte_airflow import forms, housekeeping, ids
from collecte_airflow.challenges import of_installation
from collecte_airflow.failures import tell_silent
from collecte_airflow.tasks import DEFAULT_ARGS, step

#: Daily at this time (cron, UTC): after the collections, and before anybody comes to work.
_AT = "30 4 * * *"


def look_after(challenges: list[Challenge]) -> DAG:
    with DAG(
        dag_id="housekeeping",
        dag_display_name="Housekeeping",
        doc_md=__doc__,
        schedule=forms.nightly(_AT),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        on_failure_callback=tell_silent,
        tags=ids.tags("housekeeping", ""),
        default_args=DEFAULT_ARGS,
    ) as dag:

        @step
        def space():
            return housekeeping.space()

        def chore(name: str) -> XComArg:
            """One task for each challenge. What went before is no condition: a failure keeps nothing else."""
            label = "{{ task.op_kwargs['challenge'] }}"

            @step(task_id=name, trigger_rule=TriggerRule.ALL_DONE, map_index_template=label)
            def do(challenge):
                return housekeeping.do_chore(name, challenge)

            return do.expand(challenge=[challenge.id for challenge in challenges])

        space()
        chore("uploads")
        chore("hosts")
        chore("watch")
        chain(chore("purge"), chore("fixity"), chore("audit"))  # what is gone need not be read
    return dag


if (_challenges := of_installation("housekeeping")) is not None:
    dag = look_after(_challenges)
