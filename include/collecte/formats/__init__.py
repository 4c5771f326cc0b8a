"""The kinds of data. Each is a package that answers the same four questions; the registry beside lists them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from collecte.challenge import Centre, Challenge
from collecte.pseudonym import Pseudonymiser
from collecte.records import Fact, Harvest, Safe

#: How many first bytes of a file :func:`recognise` is given.
HEAD_BYTES = 4096


def nowhere(name: str) -> str | None:
    """The reference that leads nowhere: no file of the delivery is known by name."""
    return None


@dataclass(frozen=True)
class Context:
    """What a format may know besides the file: the challenge, the centre, the keyed replacements, and where a name in a
    table leads (``reference``: an original file name or relative path → the output name of that file, None if unknown
    or ambiguous). ``withheld``: the tags of DICOM attributes of whose text nothing may stay, as an identifier was found
    in what stayed. ``durable``: a safe copy is on the disk when :meth:`Format.make_safe` returns; else whoever asked
    sees to it for all of them at once.
    """

    challenge: Challenge
    centre: Centre
    pseudonyms: Pseudonymiser
    reference: Callable[[str], str | None] = nowhere
    withheld: frozenset[int] = frozenset()
    durable: bool = True


@dataclass(frozen=True)
class Rekeyer:
    """The replacements of ids of ours by others: of a pseudonym, of a UID of ours, of another reference of ours (an
    accession number), and of the output name of a file (None where what it names is not in the new set).
    ``characteristics``: whether a file's header keeps the patient's age, sex, size and weight; they are emptied where
    tables tell them coarser.
    """

    subject: Callable[[str], str]
    uid: Callable[[str], str]
    reference: Callable[[str], str]
    name: Callable[[str], str | None] = nowhere
    characteristics: bool = True


class Format(Protocol):
    """What a kind of data offers. ``source`` and ``target`` are local paths; memory does not grow with their size.

    A format never raises for what a file contains: that is a finding. It lets ``OSError`` through. No message, warning
    or log line of a third-party library leaves it.
    """

    KIND: str

    def recognise(self, head: bytes, suffix: str) -> bool:
        """Is it mine? By the first :data:`HEAD_BYTES` bytes; ``suffix`` is lower case, with its dot."""
        ...

    def harvest(self, source: Path, relative: str, context: Context) -> Harvest:
        """What identifies in it, who is it about, which object does it belong to? ``relative`` is its path in the
        delivery (identifying), for kinds whose name is all they have."""
        ...

    def make_safe(self, source: Path, target: Path, name: str, context: Context) -> Safe:
        """Write a safe copy to ``target`` (a new file, complete and durable on return; absent where a finding refuses).
        ``name`` is what :meth:`harvest` gave."""
        ...

    def describe(self, target: Path) -> Mapping[str, Fact]:
        """The facts of a safe copy, by the columns of :mod:`collecte.facts`."""
        ...

    def rekey(self, source: Path, target: Path, rekeyer: Rekeyer) -> Safe:
        """Write a safe copy under other ids to ``target`` (a new file, complete and durable on return). Nothing else
        changes: pixels and values are those of ``source``. The same input and ids give the same bytes."""
        ...
