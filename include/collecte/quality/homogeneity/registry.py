"""Which statistics there are. A new one is a module beside this file and one line here."""

from collections.abc import Mapping

from collecte.quality.homogeneity import (
    cramers_v,
    empty_classes,
    kolmogorov_smirnov,
    label_share,
    mean_difference,
    missing_share,
    other_centres,
    shared_pixels,
    without_facts,
)
from collecte.quality.homogeneity.sample import Statistic

STATISTICS: Mapping[str, Statistic] = {
    "cramers_v": cramers_v,
    "mean_difference": mean_difference,
    "kolmogorov_smirnov": kolmogorov_smirnov,
    "label_share": label_share,
    "missing_share": missing_share,
    "empty_classes": empty_classes,
    "shared_pixels": shared_pixels,
    "other_centres": other_centres,
    "without_facts": without_facts,
}
