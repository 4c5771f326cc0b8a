"""Do the facts hold up? Great Expectations, once for each delivery; a failed expectation is a finding on the files it
names."""

import os
from collections import defaultdict
from pathlib import Path

from collecte.findings import Finding
from collecte.steps.moving import quarantine, whole_lease, working
from collecte.steps.site import Site


def validate(site: Site, label: str) -> dict[str, int]:
    """Judge one delivery's facts by the suites in expectations/; the results go to its reports as Data Docs,
    ``data-docs/index.html``."""
    from collecte.facts import read_facts  # pandas and Arrow, which the tasks of other steps need not load
    from collecte.quality import data_docs, judged_columns
    from collecte.quality import validate as judge

    delivery, lease = whole_lease(site, label, "validate")
    if isinstance(lease, dict):
        return lease
    with working(lease):
        paths = sorted((site.received(delivery) / "facts").glob("*.parquet"))
        facts = read_facts(paths, judged_columns(site.challenge))
        verdict = judge(facts, site.challenge)
        title = f"{site.challenge.title.fr} – {site.challenge.title.en}"
        page = data_docs(verdict.judged, title, site.centre.name, label)
        _write(site.reported(delivery) / "data-docs" / "index.html", page, lease.attempt)
    by_file = defaultdict[int | None, list[Finding]](list)
    for file_id, finding in verdict.findings:
        by_file[file_id].append(finding)
    counts = {"files": len(facts), "passed": verdict.passed, "failed": verdict.failed}
    with lease.finish(counts) as moves:
        moves.add_findings("validate", [(None, finding) for finding in by_file.pop(None, [])])
        judged = [(file_id, found) for file_id, found in by_file.items() if file_id is not None]
        counts["quarantined"] = quarantine(moves, "validate", judged)
    return counts


def _write(path: Path, text: str, attempt: int) -> None:
    """Write under a name of the attempt's own, then rename: the page stands whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in path.parent.glob(f"{path.name}.*.part"):  # a killed attempt's
        stale.unlink(missing_ok=True)
    part = path.with_name(f"{path.name}.{attempt}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
