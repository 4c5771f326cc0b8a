"""Shows the challenge files that cannot be used in the UI's import-error banner, and does nothing else.

It builds no DAG. One file that raises leaves the DAGs of all others alone: those are built by the files beside it,
which pass over a broken challenge.
"""

from collecte_airflow.challenges import broken

if errors := broken():
    raise ImportError("\n".join(str(error) for error in errors))
