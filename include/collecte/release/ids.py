"""The names of a release's files: of the new ids alone, so that a reference in a table leads to them."""

from pathlib import PurePosixPath

from collecte.pseudonym import ReleaseIds

_UID_ROOT = "2.25."


def release_name(ids: ReleaseIds, case: str, name: str) -> str:
    """Where a file of a batch stands below ``files/``: the case, then its folders and name with new UIDs (as its header
    has them), or, where it is named otherwise, new names.
    """
    path = PurePosixPath(name)
    *folders, stem = [*path.parent.parts[1:], path.name.removesuffix(path.suffix)]
    renamed = [_renamed(ids, part) for part in (*folders, stem)]
    return "/".join([case, *renamed]) + path.suffix


def _renamed(ids: ReleaseIds, part: str) -> str:
    return ids.uid(part) if part.startswith(_UID_ROOT) else ids.name(part)
