"""One file for each task of the journey: a pure function where there is one, and the step that loads, composes and
records.

``find → receive → unpack → harvest → group → make_safe → describe → validate → accept → empty_drop → report → feedback
→ send_mails``, then ``plan_ship → ship → commit_shipment``. A step takes a :class:`~collecte.steps.site.Site` and names
(``d0001``, ``d0001/receive/3``) and gives counts or the names of the next shards. DAG tasks and the command call these
alone.
"""

from collecte.catalogue import ShardRef
from collecte.steps.accept import accept
from collecte.steps.arrival import Announcement, GateClosed, arrived
from collecte.steps.board import write_board
from collecte.steps.challenge_site import ChallengeSite, open_challenge
from collecte.steps.check_centre import Check, check_centre
from collecte.steps.custody import Link, challenge_of, custody
from collecte.steps.decisions import BadAnswer, Question, answer, missing_approvals, require_approved
from collecte.steps.deidentify import deidentify
from collecte.steps.describe import describe
from collecte.steps.documents import centre_feedback, delivery_report
from collecte.steps.empty_drop import empty_drop
from collecte.steps.explain import explain
from collecte.steps.feedback import feedback, write_feedback
from collecte.steps.find import find
from collecte.steps.group import group
from collecte.steps.harvest import harvest
from collecte.steps.homogeneity import HomogeneityState, homogeneity_now, homogeneity_question, judge_homogeneity
from collecte.steps.host_way import destinations_of
from collecte.steps.journey import describe_shards, run, status
from collecte.steps.mails import Mail, mails, send_mails
from collecte.steps.make_safe import make_safe
from collecte.steps.open_data import (
    dry_run_open,
    make_open,
    publish_open,
    remake_open,
    start_open,
    verify_open,
    verify_public,
)
from collecte.steps.open_gate import open_gate, open_questions
from collecte.steps.outcome import Outcome, finding_as_dict
from collecte.steps.quarantine import Retried, list_quarantine, reject_quarantine, retry_quarantine
from collecte.steps.recall import (
    ask_recall,
    carry_out_recall,
    find_recalls,
    list_recalls,
    notify_recall,
    plan_recall,
    recall_question,
)
from collecte.steps.receive import receive
from collecte.steps.release import (
    diff_releases,
    discard_release,
    freeze_release,
    release_gate,
    release_questions,
    remake_release,
    start_release,
    verify_release,
)
from collecte.steps.report import Summary, incident, report, summary, waiting
from collecte.steps.scan import scan
from collecte.steps.ship import commit_shipment, plan_ship, ship
from collecte.steps.ship_host import commit_host, plan_host, ship_to_host, withdraw
from collecte.steps.site import Connect, Site, load_keys, open_site
from collecte.steps.unpack import unpack
from collecte.steps.validate import validate

__all__ = [
    "Announcement",
    "BadAnswer",
    "ChallengeSite",
    "Check",
    "Connect",
    "GateClosed",
    "HomogeneityState",
    "Link",
    "Mail",
    "Outcome",
    "Question",
    "Retried",
    "ShardRef",
    "Site",
    "Summary",
    "accept",
    "answer",
    "arrived",
    "ask_recall",
    "carry_out_recall",
    "centre_feedback",
    "challenge_of",
    "check_centre",
    "commit_host",
    "commit_shipment",
    "custody",
    "deidentify",
    "delivery_report",
    "describe",
    "describe_shards",
    "destinations_of",
    "diff_releases",
    "discard_release",
    "dry_run_open",
    "empty_drop",
    "explain",
    "feedback",
    "find",
    "find_recalls",
    "finding_as_dict",
    "freeze_release",
    "group",
    "harvest",
    "homogeneity_now",
    "homogeneity_question",
    "incident",
    "judge_homogeneity",
    "list_quarantine",
    "list_recalls",
    "load_keys",
    "mails",
    "make_open",
    "make_safe",
    "missing_approvals",
    "notify_recall",
    "open_challenge",
    "open_gate",
    "open_questions",
    "open_site",
    "plan_host",
    "plan_recall",
    "plan_ship",
    "publish_open",
    "recall_question",
    "receive",
    "reject_quarantine",
    "release_gate",
    "release_questions",
    "remake_open",
    "remake_release",
    "report",
    "require_approved",
    "retry_quarantine",
    "run",
    "scan",
    "send_mails",
    "ship",
    "ship_to_host",
    "start_open",
    "start_release",
    "status",
    "summary",
    "unpack",
    "validate",
    "verify_open",
    "verify_public",
    "verify_release",
    "waiting",
    "withdraw",
    "write_board",
    "write_feedback",
]
