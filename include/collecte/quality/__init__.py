"""Do the facts hold up? Great Expectations' suites of ``expectations/``, run over a delivery's facts; what fails
becomes a finding on the file that it names.

A suite file says what is expected; its ``meta`` names the finding, whose texts stand in ``findings.yaml``. Thresholds
come from the challenge file (``quality``). What was judged can be read as Great Expectations' Data Docs.
"""

from collecte.quality.data_docs import Judged, data_docs
from collecte.quality.suites import Expected, Suite, judged_columns, load_suites, parameters
from collecte.quality.validate import Validation, validate

__all__ = [
    "Expected",
    "Judged",
    "Suite",
    "Validation",
    "data_docs",
    "judged_columns",
    "load_suites",
    "parameters",
    "validate",
]
