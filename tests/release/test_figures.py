"""What a certificate's figures say of leaks that were planted, and of chance."""

import random
from collections import Counter

import pandas as pd

from collecte.release.crossing import Seen
from collecte.release.figures import cramers_v, giveaway, header_features, mean_difference, size_features

CLASSES = [f"label{number % 2}" for number in range(60)]


def _seen(size: int, rows: float = 512.0, model: str = "A") -> Seen:
    return Seen(1, size, {"dicom.rows": (rows, 1)}, {"dicom.model": Counter({model: 1})})


def test_a_label_that_the_size_gives_away_stands_at_one() -> None:
    cases = [_seen(1000 + 500 * (label == "label1") + number) for number, label in enumerate(CLASSES)]
    assert giveaway(size_features(cases), CLASSES) > 0.95


def test_a_label_that_sits_in_the_middle_sizes_is_seen_too() -> None:
    chance = random.Random(1)
    cases = [
        _seen(500 + chance.randint(0, 50) if label == "label1" else chance.choice([100, 1000])) for label in CLASSES
    ]
    assert giveaway(size_features(cases), CLASSES) > 0.8


def test_a_scanner_that_names_the_label_stands_at_one_and_the_same_each_time() -> None:
    cases = [_seen(1000, model=label) for label in CLASSES]
    assert giveaway(header_features(cases), CLASSES) == giveaway(header_features(cases), CLASSES) == 1.0


def test_chance_stands_about_one_half() -> None:
    chance = random.Random(2)
    cases = [_seen(chance.randint(1000, 2000)) for _ in CLASSES]
    assert 0.3 < giveaway(size_features(cases), CLASSES) < 0.7
    assert giveaway(size_features([_seen(1000) for _ in CLASSES]), CLASSES) == 0.5


def test_of_few_cases_or_one_class_nothing_is_said() -> None:
    frame = pd.DataFrame({"bytes": range(8)}, dtype=float)
    assert giveaway(frame, ["a"] * 5 + ["b"] * 3) is None
    assert giveaway(frame, ["a"] * 8) is None


def test_effect_sizes_tell_alike_from_different() -> None:
    assert cramers_v(CLASSES, CLASSES) > 0.95
    assert cramers_v(CLASSES, ["one"] * 60) == 0.0
    assert mean_difference([1.0, 2.0, 1.0, 2.0], [True, True, False, False]) == 0.0
    assert mean_difference([1.0, 2.0, 11.0, 12.0], [True, True, False, False]) == 20.0
