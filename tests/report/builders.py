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
    FileToFix,
    Promised,
    Sums,
    Waiting,
    cohort,
    group_findings,
)

AT = datetime(2027, 2, 3, 6, 30, tzinfo=UTC)
CHALLENGE = Challenge(
    "demo", "Challenge fictif <du sein>", "Fictional challenge", "Société imaginaire", "coordination@demo.example"
)
STATES = dict.fromkeys(State, 0) | {
    State.ACCEPTED: 1180,
    State.QUARANTINED: 42,
    State.DUPLICATE: 17,
    State.SUPERSEDED: 3,
}
SUMS = Sums(listed=1202, archives=2, members=42, states=STATES)
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
    found = [(f"f{n}", BURNED) for n in range(1, 251)] + [("f7", IMAGE_SIZE), ("d0001", ABSENT)]
    values: dict[str, Any] = {
        "challenge": CHALLENGE,
        "centre": "arvel",
        "name": "CHU fictif d'Arvel",
        "delivery": "d0001",
        "state": "accepted",
        "at": AT,
        "sums": SUMS,
        "promises": PROMISES,
        "findings": group_findings(found),
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
        "data_docs": "d0001-controles/index.html",
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


def feedback(**changes: Any) -> CentreFeedback:
    """A centre whose file names attack whoever shows them."""
    files = [FileToFix(path, f"f{n}", State.QUARANTINED, (BURNED,)) for n, path in enumerate(HOSTILE, 1)]
    files.append(FileToFix("examens/2024/irm/serie_03/IM_0001.dcm", "f90", State.QUARANTINED, (IMAGE_SIZE,)))
    values: dict[str, Any] = {
        "challenge": CHALLENGE,
        "name": "CHU fictif d'Arvel",
        "delivery": "d0001",
        "at": AT,
        "sums": SUMS,
        "promises": PROMISES,
        "whole": (ABSENT,),
        "files": tuple(files),
    }
    return CentreFeedback(**(values | changes))
