"""Asks one centre's server for all that a collection needs, and our own side too, before anybody waits for a night.

**Runs** by hand only: press *Trigger* and choose the centre. It reads one small file of the drop, and writes one in
the drop's folder `retour` that it removes again; nothing is collected.

**Green** means: the server is reached and shows the key that we know, our account may read the drop and write in
`retour`, its clock agrees with ours, the centre's agreement is in force, and landing has room.

| red task | what it means | press |
|---|---|---|
| check | a condition does not hold; the log says which, and what to do, in French and English | *Clear*, once mended |

Whoever talks to the centre can read the French lines of the log to them.
"""

from airflow.sdk import DAG

from collecte.challenge import Challenge
from collecte_airflow import forms, ids, steps
from collecte_airflow.challenges import challenges
from collecte_airflow.checks import tell_checks
from collecte_airflow.failures import tell_silent
from collecte_airflow.pages import page, title
from collecte_airflow.site import endpoint
from collecte_airflow.tasks import DEFAULT_ARGS, step


def check_centre(challenge: Challenge) -> DAG:
    with DAG(
        dag_id=ids.dag_id("check_centre", challenge.id),
        dag_display_name=f"Check a centre · {title(challenge)}",
        doc_md=page(__doc__, challenge),
        schedule=None,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        params={"centre": forms.centre(challenge)},
        tags=ids.tags("check_centre", challenge.id),
        default_args=DEFAULT_ARGS,
        on_failure_callback=tell_silent,
    ) as dag:

        @step
        def check(params=None):
            return tell_checks(steps.check_centre(challenge.id, params["centre"], connect=endpoint))

        check()
    return dag


for _challenge in challenges("check_centre"):
    globals()[ids.dag_id("check_centre", _challenge.id)] = check_centre(_challenge)
