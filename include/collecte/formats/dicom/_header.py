"""Writes the whole header of the safe copy. The files of one series differ in a few elements of a few hundred: where a
header lies as the one before did, its elements are looked up by runs of several, each run by its bytes.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from collecte.formats.dicom._elements import Element, Encoding, Header
from collecte.formats.dicom._lengths import TAGS
from collecte.formats.dicom._rewrite import MEMORY_BYTES, Done, Layout, Passage, rewrite, write_private
from collecte.formats.dicom._rules import TOP

#: Elements of a run, at most: all of them are rewritten where one has changed.
_RUN = 8
#: Where the runs are remembered: apart from elements.
_RUNS = -1


def header(passage: Passage, read: Header, encoding: Encoding, stamped: Mapping[int, bytes]) -> bytes:
    """The whole data set before the pixels.

    Args:
        passage: the data set.
        read: its header; with the very elements of the file before where they lie as they lay there.
        encoding: of its elements.
        stamped: written elements that stand in place of the data set's own, or beside them.

    Raises:
        Refusal: a sequence breaks the encoding rules.
    """
    plan, elements = passage.plan, read.elements
    if plan.layout is None or plan.layout.elements is not elements or plan.layout.stamped != stamped.keys():
        alone = read.remembered and TAGS.isdisjoint(elements)  # what is as long as another element says
        plan.layout = Layout(elements, frozenset(stamped)) if alone else None
        return _joined(rewrite(passage, elements.values(), TOP, encoding) | dict(stamped))
    layout = plan.layout
    if not layout.runs:
        layout.runs, layout.private = _split(elements.values(), stamped)
    written, dones = dict(stamped), list[Done]()
    memory = plan.memory(_RUNS, encoding, within=False)
    for run in layout.runs:
        raw = passage.data[run[0].start : run[-1].end]
        done = memory.get(raw)
        if done is None:
            done = _rewritten(passage, run, encoding)
            if len(raw) <= MEMORY_BYTES:
                memory[raw] = done
        written.setdefault(run[0].tag, done.written or b"")
        dones.append(done)
    passage.count(dones)
    if layout.private:
        written |= write_private(passage, layout.private, encoding)
    return _joined(written)


def _joined(written: Mapping[int, bytes]) -> bytes:
    return b"".join(written[tag] for tag in sorted(written))


def _split(elements: Iterable[Element], stamped: Collection[int]) -> tuple[list[tuple[Element, ...]], list[Element]]:
    """The runs of public elements that stand one right behind the other, and the private elements. What is stamped
    stands at the borders of runs, and an element in whose place it stands is a run of its own."""
    runs: list[list[Element]] = []
    private: list[Element] = []
    for element in elements:
        if element.tag & 0x10000:
            private.append(element)
        elif runs and _goes_on(runs[-1], element, stamped):
            runs[-1].append(element)
        else:
            runs.append([element])
    return [tuple(run) for run in runs], private


def _goes_on(run: Sequence[Element], element: Element, stamped: Collection[int]) -> bool:
    if len(run) == _RUN or element.start != run[-1].end or element.end - run[0].start > MEMORY_BYTES:
        return False
    return not any(run[-1].tag <= tag <= element.tag for tag in stamped)


def _rewritten(passage: Passage, run: Sequence[Element], encoding: Encoding) -> Done:
    """What became of a run: as an element's."""
    inner = Passage(passage.plan, passage.data)
    written = _joined(rewrite(inner, run, TOP, encoding))
    return Done(written, tuple(inner.counts.items()))
