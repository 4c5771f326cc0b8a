"""Who stays together: whatever may leak from one part of a split into another makes one group (union-find)."""

from collections.abc import Iterable


def groups(subjects: Iterable[str], linked: Iterable[Iterable[str]]) -> dict[str, str]:
    """The group of each subject, named by its first member. ``linked``: subjects that are never parted, such as those
    of one object, of the same pixels, of one family; who is in none of them is a group alone.
    """
    parents = {subject: subject for subject in subjects}

    def root(subject: str) -> str:
        while parents[subject] != subject:
            parents[subject] = parents[parents[subject]]
            subject = parents[subject]
        return subject

    for link in linked:
        members = [subject for subject in link if subject in parents]
        for other in members[1:]:
            first, second = sorted((root(members[0]), root(other)))
            parents[second] = first
    return {subject: root(subject) for subject in parents}
