"""Two reports with everything in them. All of it is invented."""

from datetime import UTC, date, datetime
from typing import Any

from collecte.findings import Finding
from collecte.records import State
from collecte.report import (
    CentreFeedback,
    CentreProgress,
    ChainHead,
    Challenge,
    DeliveryReport,
    FeedbackRow,
    Promised,
    RuleGroup,
    Sums,
    Waiting,
    cohort,
    wordings,
)

AT = datetime(2027, 2, 3, 6, 30, tzinfo=UTC)
CHALLENGE = Challenge(
    "demo", "Challenge fictif <du sein>", "Fictional challenge", "Société imaginaire", "coordination@demo.example"
)
STATES = dict.fromkeys(State, 0) | {
    State.ACCEPTED: 1180,
    State.QUARANTINED: 42,
    State.DUPLICATE: 17,
    State.SUPERSEDED: 1,
    State.REJECTED: 2,
}
SUMS = Sums(listed=1202, archives=2, members=42, states=STATES, administrative=2)
PROMISES = (
    Promised("dicom", 1500, date(2027, 1, 31), 1240, 1178),
    Promised("table", 2, date(2027, 3, 31), 2, 2),
)
BURNED = Finding("DICOM-BURNED-IN", place="BurnedInAnnotation")
IMAGE_SIZE = Finding("QUALITY-IMAGE-SIZE", "rows", 1, {"min_value": 64, "max_value": 4096})
QUIET = Finding("DELIVERY-WAITING-QUIET", values={"minutes": 30})
ABSENT = Finding("MANIFEST-FILE-ABSENT", place="1", count=3)
PATIENTS = [("F", 44.0)] * 61 + [("F", 71.0)] * 40 + [("M", 55.0)] * 3 + [("F", 93.0)] * 2 + [(None, None)] * 12


def report(**changes: Any) -> DeliveryReport:
    """A delivery with findings, late and waiting neighbours, and an agreement that ends soon."""
    findings = (
        RuleGroup(wordings([BURNED]), 250, 250, tuple(f"f{n}" for n in range(1, 201))),
        RuleGroup(wordings([IMAGE_SIZE]), 1, 1, ("f7",)),
        RuleGroup(wordings([ABSENT]), 3, 1, ("d0001",)),
    )
    values: dict[str, Any] = {
        "challenge": CHALLENGE,
        "centre": "arvel",
        "name": "CHU fictif d'Arvel",
        "delivery": "d0001",
        "state": "accepted",
        "at": AT,
        "sums": SUMS,
        "promises": PROMISES,
        "findings": findings,
        "modalities": {"MG": 900, "US": 210, "DUPONT": 68},
        "cohort": cohort(PATIENTS),
        "centres": (
            CentreProgress("arvel", "CHU fictif d'Arvel", PROMISES, date(2027, 2, 2), date(2030, 12, 31)),
            CentreProgress(
                "belcombe",
                "Centre hospitalier imaginaire de Belcombe",
                (Promised("dicom", 800, date(2027, 5, 31), 0, 0),),
                None,
                date(2027, 2, 20),
            ),
            CentreProgress("corvane", "Institut inventé de Corvane", (), None, None),
        ),
        "waiting": (Waiting("Centre hospitalier imaginaire de Belcombe", "d0002", AT, QUIET),),
        "chains": (ChainHead("d0001", 41, "a1" * 32), ChainHead("demo", 187, "b2" * 32)),
        "to_correct": 42,
        "table": "findings.csv",
        "data_docs": "data-docs/index.html",
    }
    return DeliveryReport(**(values | changes))


HOSTILE = (
    "lot1/<script>alert(1)</script>.dcm",
    "lot1/DUPONT\nJean.dcm",
    "lot1/caf\udce9\u202egpj.exe",
    '=HYPERLINK("http://mal.example";"x").csv',
    "@SUM(A1).csv",
    'lot1/a;b"c.dcm',
)


#: The files of the feedback, by label.
PATHS = {f"f{n}": path for n, path in enumerate(HOSTILE, 1)} | {"f90": "examens/2024/irm/serie_03/IM_0001.dcm"}


def feedback(**changes: Any) -> CentreFeedback:
    """A centre whose file names attack whoever shows them."""
    hostile = tuple(PATHS)[:-1]
    values: dict[str, Any] = {
        "challenge": CHALLENGE,
        "name": "CHU fictif d'Arvel",
        "delivery": "d0001",
        "at": AT,
        "sums": SUMS,
        "promises": PROMISES,
        "findings": (
            RuleGroup(wordings([BURNED]), len(hostile), len(hostile), hostile),
            RuleGroup(wordings([IMAGE_SIZE]), 1, 1, ("f90",)),
            RuleGroup(wordings([ABSENT]), 3, 1, ("d0001",)),
        ),
        "paths": PATHS,
    }
    return CentreFeedback(**(values | changes))


def rows() -> list[FeedbackRow]:
    """The same, as the table has it."""
    hostile = [
        FeedbackRow(1, BURNED, path, label, State.QUARANTINED) for label, path in PATHS.items() if label != "f90"
    ]
    return [*hostile, FeedbackRow(2, IMAGE_SIZE, PATHS["f90"], "f90", State.QUARANTINED), FeedbackRow(3, ABSENT)]
