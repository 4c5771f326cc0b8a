"""Do the centres' data belong together? Each centre against all others, by every fact; Great Expectations judge by how
far they lie apart.

:func:`counted` takes facts and tables to counts, a statistic takes counts to an effect, and ``expectations/
homogeneity.json`` says from which effect on a difference is worth a look (amber) or stops a release (red).
"""

from collecte.quality.homogeneity.counting import Counted, TableFile, counted, load_accepted, load_tables
from collecte.quality.homogeneity.effects import COLUMNS, effects_table
from collecte.quality.homogeneity.judge import Homogeneity, Named, judge
from collecte.quality.homogeneity.registry import STATISTICS
from collecte.quality.homogeneity.sample import FactKind, Measured, Sample, Statistic, Values

__all__ = [
    "COLUMNS",
    "STATISTICS",
    "Counted",
    "FactKind",
    "Homogeneity",
    "Measured",
    "Named",
    "Sample",
    "Statistic",
    "TableFile",
    "Values",
    "counted",
    "effects_table",
    "judge",
    "load_accepted",
    "load_tables",
]
