"""What people decided is kept in its order: the newest answer counts, and a repeated one is no second event."""

import pytest

from collecte.catalogue import Catalogue, challenge_chain, decide, decisions_about, head, new_decision, verify

ABOUT, DIGEST = "release/v1", "d" * 64


def _say(catalogue: Catalogue, *answers: str, login: str = "claire", digest: str = DIGEST) -> None:
    for answer in answers:
        reason = "" if answer == "approve" else "un centre manque encore"
        with catalogue.transaction() as connection:
            decide(
                connection, "demo", new_decision(ABOUT, digest, "coordinator", login, answer, value="", reason=reason)
            )


def _kept(catalogue: Catalogue, digest: str | None = DIGEST) -> list[str]:
    with catalogue.read() as connection:
        assert verify(connection, "demo") == []
        assert head(connection, challenge_chain("demo"))[0] == len(decisions_about(connection, "demo", ABOUT))
        return [one.answer for one in decisions_about(connection, "demo", ABOUT, digest)]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (("reject", "approve", "reject"), ["reject", "approve", "reject"]),
        (("approve", "reject", "approve"), ["approve", "reject", "approve"]),
        (("approve", "approve", "approve"), ["approve"]),
        (("reject", "reject", "approve", "approve"), ["reject", "approve"]),
    ],
)
def test_who_changes_their_mind_ends_with_the_last_answer_and_repeats_count_once(
    catalogue: Catalogue, said: tuple[str, ...], kept: list[str]
) -> None:
    _say(catalogue, *said)
    assert _kept(catalogue) == kept


def test_the_same_answer_of_another_person_or_over_another_digest_is_kept_too(catalogue: Catalogue) -> None:
    _say(catalogue, "approve")
    _say(catalogue, "reject", login="camille")
    _say(catalogue, "approve")  # hers is still her newest
    _say(catalogue, "approve", digest="e" * 64)
    assert _kept(catalogue) == ["approve", "reject"]
    assert _kept(catalogue, None) == ["approve", "reject", "approve"]
