"""The line from accepted batches to its end, in processes that end themselves by SIGKILL at a counted point.

``python -m tests.promises.line PLAN.json RESULT.json`` plays acts one after the other over one catalogue and its
zones: a list of (act, blow), such as ``["open", "publish_open:17"]``; an empty blow plays the act to its end. Each act
is a child, forked with all imports done; what a killed one left is what the next one finds. The result is a list of
(exit code, points of each step, what went wrong).
"""

import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import mlcroissant  # noqa: F401  steps import it late; here it is imported once for all children

from collecte import catalogue, steps
from collecte.steps import ChallengeSite, Question, missing_approvals
from collecte.transport import open_source
from demo import cohort
from tests.promises.killed import arm

_APPROVERS = {"coordinator": "claire", "data_protection_officer": "diane"}


def release(site: ChallengeSite) -> None:
    """What a run of the release DAG does, its people included."""
    label = steps.start_release(site)
    steps.freeze_release(site, label)
    _approve(site, *steps.release_questions(site, label))
    for ref in steps.plan_host(site, label):
        steps.ship_to_host(site, ref["shard"])
    for destination in steps.destinations_of(site):
        steps.commit_host(site, label, destination.id)


def publish(site: ChallengeSite) -> None:
    """What a run of the Open Data DAG does."""
    label = steps.start_open(site, "v1")
    steps.make_open(site, label)
    _approve(site, *steps.open_questions(site, label))
    steps.publish_open(site, label)


def recall(site: ChallengeSite) -> None:
    """A centre asks once; then what a run of the recall DAG does."""
    if not steps.list_recalls(site):
        drop = site.challenge.centre("corvane").drop
        path, content = cohort.recall_request(cohort.recalled())
        with open_source(site.connect(drop.connection), drop.path) as source:
            source.write(path, io.BytesIO(content))
    for number in steps.find_recalls(site):
        steps.plan_recall(site, number)
        _approve(site, steps.recall_question(site, number))
        steps.carry_out_recall(site, number)
        steps.notify_recall(site, number, lambda mail: None)


ACTS: Mapping[str, Callable[[ChallengeSite], None]] = {"release": release, "publish": publish, "recall": recall}


def _approve(site: ChallengeSite, *questions: Question) -> None:
    for question in questions:
        if question.role in missing_approvals(site, question.about, question.digest):
            steps.answer(site, question, _APPROVERS[question.role], "approve")


def _child(act: str, blow: str, told: Path) -> None:
    """One act; what became of it stands in ``told``, if it lived to tell."""
    counted, trouble = arm(blow), ""
    try:
        site = steps.open_challenge("demo")
        with site.catalogue.read() as connection:
            trouble = "; ".join(map(str, catalogue.verify(connection, "demo")))
        if not trouble:
            ACTS[act](site)
    except BaseException:  # noqa: BLE001  whatever it was, the test shows it
        trouble = traceback.format_exc()
    told.write_text(json.dumps([counted, trouble]), "utf-8")


def _play(plan: Sequence[tuple[str, str]], told: Path) -> list[tuple[int, Mapping[str, int], str]]:
    results = []
    for act, blow in plan:
        told.unlink(missing_ok=True)
        child = os.fork()
        if not child:
            try:
                _child(act, blow, told)
            finally:
                os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        points, trouble = json.loads(told.read_text("utf-8")) if told.exists() else ({}, "")
        results.append((code, points, trouble))
    return results


if __name__ == "__main__":
    steps_of = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    result = Path(sys.argv[2])
    result.write_text(json.dumps(_play(steps_of, result.with_suffix(".child"))), "utf-8")
