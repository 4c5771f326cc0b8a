"""What would become of one file, element by element, and by which rule; without its values."""

from pathlib import Path
from typing import TYPE_CHECKING

from collecte.challenge import Centre, Challenge
from collecte.errors import NeedsPerson
from collecte.keys import Keys
from collecte.steps.look import context_of

if TYPE_CHECKING:
    from collecte.formats.dicom.explain import Explanation


def explain(source: Path, challenge: Challenge, centre: Centre, keys: Keys) -> "Explanation":
    """What ``collecte deidentify`` does with each element of one DICOM file of this centre.

    Its findings are those of harvest too, as of a coded delivery that names a patient. Neither they nor the elements
    hold a value of the file.

    Raises:
        NeedsPerson: the file is no DICOM, the challenge collects none, or the file cannot be read.
    """
    from collecte.formats import dicom  # pydicom and its dictionaries
    from collecte.formats.dicom.explain import explain as explained
    from collecte.formats.registry import recognise

    if challenge.kinds.dicom is None:
        raise NeedsPerson(
            f"Challenge {challenge.id} collects no DICOM.",
            "name a challenge that does, or add kinds.dicom to its file.",
        )
    context = context_of(challenge, centre, keys)
    try:
        if recognise(source, source.suffix.lower()) != dicom.KIND:
            raise NeedsPerson(
                "The file is no DICOM file.",
                "name one; what becomes of a table's columns stands in the challenge file, kinds.table.columns.",
            )
        told = explained(source, context)
        harvested = dicom.harvest(source, source.name, context).findings
    except OSError:
        raise NeedsPerson("The file cannot be read.", "give yourself the right to read it, and try again.") from None
    more = tuple(finding for finding in harvested if finding.code not in {known.code for known in told.findings})
    return type(told)((*told.findings, *more), told.elements, told.sop_class, told.transfer_syntax, told.look)
