"""What coordinators and centres read of a delivery: figures that add up, findings with their remedies.

This room turns records into text; it reads neither the catalogue nor a zone. The coordinator's page and every mail name
no patient and no original file; the feedback names the files of the one centre that it is made for.
"""

from collecte.report.board import board_page, script_source
from collecte.report.coordinator import coordinator_page
from collecte.report.feedback import feedback_page, write_feedback_csv, write_findings_csv
from collecte.report.homogeneity import (
    Difference,
    HomogeneityReport,
    effects_csv,
    homogeneity_page,
    homogeneity_text,
)
from collecte.report.mails import centre_mail_text, mail_text
from collecte.report.records import (
    EXPIRY_NOTICE,
    LISTED_IDS,
    SET_ASIDE,
    CentreFeedback,
    CentreProgress,
    ChainHead,
    Challenge,
    Cohort,
    DeliveryReport,
    FeedbackRow,
    Promised,
    RuleGroup,
    Sums,
    Waiting,
    by_gravity,
    cohort,
    wordings,
)
from collecte.report.table import state_table

__all__ = [
    "EXPIRY_NOTICE",
    "LISTED_IDS",
    "SET_ASIDE",
    "CentreFeedback",
    "CentreProgress",
    "ChainHead",
    "Challenge",
    "Cohort",
    "DeliveryReport",
    "Difference",
    "FeedbackRow",
    "HomogeneityReport",
    "Promised",
    "RuleGroup",
    "Sums",
    "Waiting",
    "board_page",
    "by_gravity",
    "centre_mail_text",
    "cohort",
    "coordinator_page",
    "effects_csv",
    "feedback_page",
    "homogeneity_page",
    "homogeneity_text",
    "mail_text",
    "script_source",
    "state_table",
    "wordings",
    "write_feedback_csv",
    "write_findings_csv",
]
