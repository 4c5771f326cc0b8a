"""Sharing out: whole groups into train, public test and private test, so that labels and centres are alike in each.

The method is scikit-learn's ``StratifiedGroupKFold``: equal folds, of which each part gets as many as its share says.
What is seeded comes from the release's secret. A part that a subject had in an earlier release stays.
"""

import math
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from collecte.findings import Finding
from collecte.release.vault import PARTS, Part

#: Folds that are tried: enough for shares of a twentieth.
_MOST_FOLDS = 20
#: More numbers than this as labels, and they are stratified by quarters.
_DISTINCT_NUMBERS = 10


@dataclass(frozen=True)
class Member:
    """A subject to be shared out; ``label`` empty: it has none, or several."""

    subject: str
    group: str
    centre: str
    label: str


@dataclass(frozen=True)
class Shared:
    """The part of each subject, and what there is to say. Who is in none is left out; a finding says how many."""

    parts: Mapping[str, Part]
    findings: tuple[Finding, ...]


def share_out(
    members: Iterable[Member], shares: Mapping[Part, float], seed: bytes, fixed: Mapping[str, Part]
) -> Shared:
    """Share out subjects; ``fixed``: the parts that some had in earlier releases. The order of ``members`` counts for
    nothing. A subject without a label is in train alone, its group with it: nobody could score it.

    Where a finding refuses, nothing can be released of this.
    """
    by_group: dict[str, list[Member]] = defaultdict(list)
    for member in sorted(members, key=lambda member: member.subject):
        by_group[member.group].append(member)
    count = sum(map(len, by_group.values()))
    kept = {group: _kept(found, fixed) for group, found in by_group.items()}
    free = [group for group in sorted(by_group) if kept[group] is None]
    most = min((share for part, share in shares.items() if part != "train" and share), default=0) * count
    large = {group for group in free if len(by_group[group]) > max(1, most)}
    unlabelled = {group for group in free if not all(member.label for member in by_group[group])}
    parts: dict[str, Part] = {group: part for group, part in kept.items() if part is not None}
    parts |= dict.fromkeys(sorted(large | unlabelled), "train")
    have = Counter(part for group, part in parts.items() for _ in by_group[group])
    parts |= _fold([by_group[group] for group in free if group not in parts], _lacking(shares, have, count), seed)
    shared: dict[str, Part] = {}
    for group, part in parts.items():
        for member in by_group[group]:
            if fixed.get(member.subject, part) == part and (member.label or part == "train"):
                shared[member.subject] = part
    everybody = [member for found in by_group.values() for member in found]
    said = [
        *_counted("RELEASE-SUBJECT-WITHOUT-LABEL", sum(not member.label for member in everybody)),
        *_counted("RELEASE-GROUP-TOO-LARGE", len(large)),
        *_counted("RELEASE-SUBJECT-LEFT-OUT", count - len(shared)),
        *_judged(everybody, shared, shares),
    ]
    return Shared(shared, tuple(said))


def strata(labels: Sequence[str]) -> list[str]:
    """What labels are stratified by: themselves, or, of many different numbers, the quarter in which they lie."""
    numbers = [_number(label) for label in labels]
    if None in numbers or len(set(numbers)) <= _DISTINCT_NUMBERS:
        return list(labels)
    values = np.array(numbers, dtype=float)
    return [str(quarter) for quarter in np.searchsorted(np.quantile(values, [0.25, 0.5, 0.75]), values)]


def _kept(members: Sequence[Member], fixed: Mapping[str, Part]) -> Part | None:
    """The part in which a group is already; where an older release has parted it, the one with most of it."""
    had = Counter(fixed[member.subject] for member in members if member.subject in fixed)
    most: Part = max(PARTS, key=lambda part: had[part])
    return most if had else None


def _lacking(shares: Mapping[Part, float], have: Mapping[Part, int], count: int) -> dict[Part, float]:
    """The shares in which the rest is shared out, so that all together come near to those that are wanted."""
    lacking = {part: max(0.0, shares[part] * count - have.get(part, 0)) for part in PARTS}
    total = sum(lacking.values())
    return {part: found / total for part, found in lacking.items()} if total else dict(shares)


def _fold(groups: Sequence[Sequence[Member]], shares: Mapping[Part, float], seed: bytes) -> dict[str, Part]:
    from sklearn.model_selection import StratifiedGroupKFold  # a second, which only a freeze need pay

    wanted = [part for part in PARTS if shares[part] > 0]
    if len(wanted) == 1:
        return {found[0].group: wanted[0] for found in groups}
    if len(groups) < len(wanted):
        return {found[0].group: "train" for found in groups}
    folds = _folds([shares[part] for part in wanted], len(groups))
    random = np.random.RandomState(int.from_bytes(seed[:4], "big"))
    owners = random.permutation(np.repeat(np.arange(len(wanted)), folds))
    members = [member for found in groups for member in found]
    names = [member.group for member in members]
    splitter = StratifiedGroupKFold(sum(folds), shuffle=True, random_state=random)
    parts: dict[str, Part] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of classes smaller than the folds: a finding says it better
        for owner, (_, inside) in zip(owners, splitter.split(names, _strata(members, sum(folds)), names), strict=True):
            parts |= dict.fromkeys((names[index] for index in inside), wanted[owner])
    return parts


def _folds(shares: Sequence[float], groups: int) -> list[int]:
    """How many folds each share gets: as few as come near enough, and each at least one."""

    def cut(total: int) -> list[int]:
        return [max(1, round(share * total)) for share in shares]

    def off(total: int) -> float:
        folds = cut(total)
        return sum(abs(fold / sum(folds) - share) for fold, share in zip(folds, shares, strict=True))

    possible = [total for total in range(len(shares), _MOST_FOLDS + 1) if sum(cut(total)) <= groups]
    if not possible:
        return [1] * len(shares)
    return cut(min(possible, key=lambda total: (round(off(total), 6), total)))


def _strata(members: Sequence[Member], folds: int) -> list[str]:
    """Label and centre together; where no class of that is as large as there are folds, the label; else nothing."""
    labels = strata([member.label for member in members])
    both = [f"{label}\0{member.centre}" for label, member in zip(labels, members, strict=True)]
    for classes in (both, labels):
        if max(Counter(classes).values()) >= folds:
            return classes
    return [""] * len(members)


def _judged(members: Sequence[Member], parts: Mapping[str, Part], shares: Mapping[Part, float]) -> list[Finding]:
    labelled = [member for member in members if member.label and member.subject in parts]
    classes = strata([member.label for member in labelled])
    if len(set(classes)) < 2:
        return [Finding("RELEASE-NO-CLASSES")]
    found = []
    everywhere = set(classes)
    for part in (part for part in PARTS if shares[part] > 0):
        here = {name for name, member in zip(classes, labelled, strict=True) if parts[member.subject] == part}
        if not here:
            found.append(Finding("RELEASE-PART-EMPTY", part))
        elif here != everywhere:
            found.append(Finding("RELEASE-CLASS-MISSING", part, len(everywhere - here)))
    if len({member.centre for member in labelled}) == 1:
        found.append(Finding("RELEASE-ONE-CENTRE"))
    return found


def _counted(code: str, count: int) -> list[Finding]:
    return [Finding(code, count=count)] if count else []


def _number(label: str) -> float | None:
    try:
        value = float(label)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
