"""What is wrong with a file travels inside this package as a :class:`Refusal`, and becomes a finding at its edge."""

from collecte.findings import Finding


class Refusal(Exception):
    """Why a file is not let through. ``str()`` of it is the finding's code and nothing else."""

    def __init__(self, code: str, place: str = "", **values: str | int) -> None:
        super().__init__(code)
        self.finding = Finding(code, place=place, values=values)


def unreadable() -> Refusal:
    """The refusal of a file that breaks the encoding rules of PS3.5."""
    return Refusal("DICOM-UNREADABLE")
