"""What receipt and the recognition of kinds may have to say of one file: one function a case."""

from collecte.findings import Finding


def changed_while_read() -> Finding:
    """Its size or time was another after the copy than before, each time that it was taken."""
    return Finding("FILE-CHANGED-WHILE-READ")


def vanished() -> Finding:
    """It was listed and was gone when its turn came."""
    return Finding("FILE-VANISHED")


def empty() -> Finding:
    """It has no bytes."""
    return Finding("FILE-EMPTY")


def unreadable() -> Finding:
    """The operating system does not let it be read: a file, or a folder with all that is in it."""
    return Finding("FILE-UNREADABLE")


def not_unpacked() -> Finding:
    """It is an archive, where archives are not opened."""
    return Finding("ARCHIVE-NOT-UNPACKED")


def type_unknown() -> Finding:
    """No kind of data recognises it."""
    return Finding("FILE-TYPE-UNKNOWN")


def kind_not_allowed(kind: str) -> Finding:
    """The challenge or the centre's agreement does not cover its kind."""
    return Finding("FILE-KIND-NOT-ALLOWED", values={"kind": kind})


def object_held_back() -> Finding:
    """Nothing is wrong with it, but another file of its object was refused."""
    return Finding("OBJECT-HELD-BACK")


def of_two_subjects() -> Finding:
    """By its logical identity it is the object that a file of another subject is: which is right, a person says."""
    return Finding("FILE-OF-TWO-SUBJECTS")


def after_release() -> Finding:
    """It gave way to a correction, and a release holds it already: there it stays."""
    return Finding("FILE-CORRECTED-AFTER-RELEASE")
