"""What a task says of conditions that were checked: a line for each, and an error that names those that do not hold."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from collecte.errors import NeedsPerson

if TYPE_CHECKING:
    from collecte.steps import Check

log = logging.getLogger("collecte.task")


def tell_checks(checks: "Sequence[Check]") -> dict[str, int]:
    """Log each check with its remedy in both languages; how many hold.

    Raises:
        NeedsPerson: one does not hold.
    """
    for check in checks:
        log.log(logging.ERROR if check.outcome == "not" else logging.INFO, "%s", check)
    failed = [check for check in checks if check.outcome == "not"]
    if failed:
        remedies = [check.finding.remedy("en") for check in failed if check.finding]
        raise NeedsPerson(
            f"{len(failed)} of {len(checks)} checks failed: {', '.join(check.name for check in failed)}.",
            " ".join(dict.fromkeys(remedies)),
        )
    return {"checks": len(checks)}
