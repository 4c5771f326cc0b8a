"""Figures of a certificate: how alike the parts are (effect sizes), and what size and headers give away (AUC)."""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats.contingency import association
from sklearn.compose import make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder

from collecte.release.crossing import Seen

#: Cases of the smallest class below which an AUC would be a throw of dice.
SMALLEST_CLASS = 5
_BINS, _CATEGORIES, _FOLDS = 5, 20, 5


def cramers_v(one: Sequence[str], other: Sequence[str]) -> float:
    """How strongly two lists of categories go together, from 0 to 1."""
    table = pd.crosstab(pd.Series(list(one)), pd.Series(list(other))).to_numpy()
    if min(table.shape, default=0) < 2:
        return 0.0
    return round(float(association(table, method="cramer")), 3)


def mean_difference(values: Sequence[float], inside: Sequence[bool]) -> float:
    """Standardised mean difference between those inside and the others, without its sign."""
    numbers, mask = np.asarray(values, dtype=float), np.asarray(inside, dtype=bool)
    one, other = numbers[mask], numbers[~mask]
    if not len(one) or not len(other):
        return 0.0
    spread = float(np.sqrt((one.var() + other.var()) / 2))
    return round(abs(float(one.mean() - other.mean())) / spread, 3) if spread else 0.0


def size_features(cases: Sequence[Seen]) -> pd.DataFrame:
    """What anybody sees without opening a file: how many files a case has, and how many bytes."""
    rows = [(seen.files, seen.bytes, seen.bytes / seen.files if seen.files else 0) for seen in cases]
    return pd.DataFrame(rows, columns=["files", "bytes", "bytes_per_file"], dtype=float)


def header_features(cases: Sequence[Seen]) -> pd.DataFrame:
    """What the headers say of each case: means of numbers, the most frequent of words."""
    rows = []
    for seen in cases:
        row: dict[str, float | str] = {name: total / count for name, (total, count) in seen.numbers.items()}
        row |= {name: _commonest(words) for name, words in seen.words.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def giveaway(features: pd.DataFrame, classes: Sequence[str]) -> float | None:
    """How well features tell classes apart: AUC (of several classes: the mean of each against the others), from a
    logistic regression over quantile bins, cross-validated. 0.5: not at all; None: too few cases to say. The same
    input gives the same figure.
    """
    kept = features.loc[:, features.nunique(dropna=False) > 1]
    counts = Counter(classes)
    if len(counts) < 2 or min(counts.values()) < SMALLEST_CLASS:
        return None
    if kept.empty:
        return 0.5
    numbers = [name for name in kept.columns if pd.api.types.is_numeric_dtype(kept[name])]
    words = [name for name in kept.columns if name not in numbers]
    prepared = kept.assign(
        **{name: kept[name].fillna(kept[name].median()) for name in numbers},
        **{name: kept[name].fillna("").astype(str) for name in words},
    )
    bins = KBinsDiscretizer(_BINS, encode="onehot-dense", strategy="quantile", quantile_method="averaged_inverted_cdf")
    coded = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=_CATEGORIES, sparse_output=False)
    model = make_pipeline(make_column_transformer((bins, numbers), (coded, words)), LogisticRegression(max_iter=200))
    folds = StratifiedKFold(min(_FOLDS, min(counts.values())), shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of bins that are empty
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Fold by fold: over all folds together, chance alone would come out below one half.
        scores = cross_val_score(model, prepared, np.array(classes), cv=folds, scoring="roc_auc_ovr")
    return round(float(scores.mean()), 3)


def balance(
    parts: Sequence[str], labels: Sequence[str], centres: Sequence[str], sizes: Sequence[float]
) -> Mapping[str, float]:
    """Effect sizes of the parts: labels and centres against parts (Cramér's V), bytes in train against the tests
    (standardised mean difference).
    """
    labelled = [(part, label) for part, label in zip(parts, labels, strict=True) if label]
    return {
        "label_cramers_v": cramers_v([part for part, _ in labelled], [label for _, label in labelled]),
        "centre_cramers_v": cramers_v(parts, centres),
        "bytes_mean_difference": mean_difference(sizes, [part == "train" for part in parts]),
    }


def _commonest(words: Counter[str]) -> str:
    return min(words, key=lambda word: (-words[word], word))
