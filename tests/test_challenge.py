"""Challenge files: what can be used is read, and what cannot is said at once, in sentences, line by line.

The golden texts beside ``challenges_bad/*.yaml`` are rewritten by ``REWRITE_GOLDEN=1 pytest tests/test_challenge.py``.
"""

import json
import os
import pickle
import shutil
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from collecte.challenge import Challenge, ChallengeError, Problem, header_key, json_schema, load, load_all
from collecte.configfile import _SENTENCES, _Words
from collecte.errors import NeedsPerson

CHALLENGES = Path(__file__).parents[1] / "include" / "challenges"
BAD = Path(__file__).parent / "challenges_bad"
DEMO = CHALLENGES / "demo.yaml"
#: A sound, short file: the one that every broken one was made from.
BASE_TEXT = (BAD / "another-name.yaml").read_text("utf-8").replace("id: essai-2027", "id: essai")
#: What slips from a keyboard, or from a half-finished thought.
TYPED = (
    "",
    " ",
    "  ",
    "\t",
    "\n",
    ":",
    "- ",
    "{",
    "]",
    "'",
    '"',
    "&a ",
    "*a",
    "!!x ",
    "!!int ",
    "%",
    "null",
    "é",
    "0",
    "\0",
)
TYPED += ("<<: ", "? ", "|", "#", "[[", "1e400")


def problems_of(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(ChallengeError) as caught:
        load(path)
    return caught.value.problems


def problems_if_any(path: Path) -> tuple[Problem, ...]:
    try:
        load(path)
    except ChallengeError as error:
        return error.problems
    return ()


def changed_demo(folder: Path, *changes: tuple[str, str]) -> Path:
    """The demonstration's file with parts of its text exchanged."""
    text = DEMO.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "demo.yaml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_broken_file_is_explained_in_the_golden_words(path: Path) -> None:
    said = "\n".join(map(str, problems_of(path))).replace(str(path), path.name) + "\n"
    golden = path.with_suffix(".txt")
    if os.environ.get("REWRITE_GOLDEN"):
        golden.write_text(said, "utf-8")
    assert said == golden.read_text("utf-8")


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_message_holds_a_secret_or_speaks_pydantic(path: Path) -> None:
    said = str(ChallengeError(problems_of(path)))
    for word in ("hunter2", "AKIAABCDEFGHIJKLMNOP", "MDEyMzQ1", "pydantic", "Value error", "Input should"):
        assert word not in said


def test_every_error_of_a_file_is_named_at_once_with_its_own_line(tmp_path: Path) -> None:
    path = changed_demo(
        tmp_path, ("society:", "societe:"), ("ends: 2099-12-31", "ends: never"), ("issuer: CH-BELCOMBE", "issuer: 12")
    )
    lines = path.read_text("utf-8").splitlines()
    found = {problem.key: lines[problem.line - 1].strip() for problem in problems_of(path)}
    assert found == {
        "societe": "societe: Société imaginaire d'imagerie médicale",
        "centres[0].agreement.ends": "ends: never",
        "centres[1].issuer": "issuer: 12",
    }


def test_each_problem_has_a_remedy_and_ends_as_a_sentence() -> None:
    for path in BAD.glob("*.yaml"):
        for problem in problems_of(path):
            assert problem.remedy.endswith((".", "?", "!")), problem
            assert problem.message.endswith("."), problem


@pytest.mark.parametrize("kind", sorted(_SENTENCES))
@pytest.mark.parametrize("value", ["x" * 500, 3, 2.5, True, None, {}, []], ids=repr)
def test_every_kind_of_error_has_a_sentence_for_every_value(kind: str, value: object) -> None:
    words = _Words(value, {"expected": "'a' or 'b'", "ge": 1, "le": 2}, "`key: 1`", "A hint.")
    message, remedy = _SENTENCES[kind](words)
    assert message
    assert remedy
    assert "x" * 100 not in message + remedy


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_a_typing_error_makes_of_a_file_it_is_explained(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A few characters lost, typed or moved anywhere: the file loads or a ChallengeError says why, and nothing else."""
    text = BASE_TEXT
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text)))
        lost = data.draw(st.integers(0, 12))
        typed = data.draw(st.sampled_from(TYPED))
        text = text[:place] + typed + text[place + lost :]
    path = tmp_path_factory.getbasetemp() / "essai.yaml"
    path.write_text(text, "utf-8")
    for problem in problems_if_any(path):
        assert 1 <= problem.line <= text.count("\n") + 2
        assert "pydantic" not in str(problem)


def test_scalars_are_read_as_editors_read_them(tmp_path: Path) -> None:
    path = changed_demo(
        tmp_path,
        ("reference: CONV-DEMO-ARVEL", "reference: 2026-01-01"),
        ("issuer: CHU-ARVEL", "issuer: 0123"),
        ("authorisation: AIPD-DEMO-01", "authorisation: 12:30"),
        ("controller: CHU fictif d'Arvel", "controller: no"),
    )
    centre = load(path).centre("arvel")
    agreement = centre.agreement
    read = (agreement.reference, centre.issuer, agreement.authorisation, agreement.controller)
    assert read == ("2026-01-01", "0123", "12:30", "no")


def test_blocks_can_be_shared_by_anchor_and_merge_key(tmp_path: Path) -> None:
    path = changed_demo(
        tmp_path,
        ("data_protection_contact: {name: Protection des données (fictive), email: dpo@arvel.example}",
         "data_protection_contact: &dpo {name: Protection des données (fictive), email: dpo@arvel.example}"),
        ("data_protection_contact: {name: Protection des données (imaginaire), email: dpo@belcombe.example}",
         "data_protection_contact: {<<: *dpo, name: Une autre}"),
    )  # fmt: skip
    contact = load(path).centre("belcombe").agreement.data_protection_contact
    assert (contact.name, contact.email) == ("Une autre", "dpo@arvel.example")


def test_an_anchor_that_holds_itself_is_explained_not_followed(tmp_path: Path) -> None:
    path = changed_demo(tmp_path, ("society: Société imaginaire d'imagerie médicale", "society: &me [*me]"))
    assert problems_of(path)


def test_a_missing_file_is_a_problem_that_names_it(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path / "none.yaml")
    assert "none.yaml" in problem.file
    assert "cannot be read" in problem.message


def test_the_error_survives_the_way_between_processes() -> None:
    with pytest.raises(ChallengeError) as caught:
        load(BAD / "misspelt.yaml")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert again.problems == caught.value.problems
    assert str(again) == str(caught.value)


@pytest.mark.parametrize(
    "schedule", ["0 2 * * *", "*/15 6-20 * * 1-5", "0,30 2 1 1,7 0", "59 23 31 12 7", "0 2 */2 * *"]
)
def test_a_schedule_that_cron_knows_is_taken(tmp_path: Path, schedule: str) -> None:
    path = changed_demo(tmp_path, ('"0 2 * * *"', f'"{schedule}"'))
    assert load(path).centres[0].schedule == schedule


@pytest.mark.parametrize(
    "schedule",
    ["", "@daily", "0 2 * *", "60 2 * * *", "0 24 * * *", "0 2 0 * *", "0 2 * 13 *", "0 2 * * 8", "0 5-2 * * *",
     "*/0 * * * *", "-1 2 * * *", "a b c d e", "0 2 * * * *", "0,,1 2 * * *"],
)  # fmt: skip
def test_a_schedule_that_cron_does_not_know_is_explained(tmp_path: Path, schedule: str) -> None:
    (problem,) = problems_of(changed_demo(tmp_path, ('"0 2 * * *"', f'"{schedule}"')))
    assert problem.key == "centres[0].schedule"
    assert "0 2 * * *" in problem.remedy


def test_a_centre_without_schedule_is_collected_by_hand(tmp_path: Path) -> None:
    assert load(changed_demo(tmp_path, ('"0 2 * * *"', "null"))).centres[0].schedule is None


def test_broken_files_stand_apart_and_the_others_go_on(tmp_path: Path) -> None:
    shutil.copy(DEMO, tmp_path / "demo.yaml")
    shutil.copy(BAD / "misspelt.yaml", tmp_path / "misspelt.yaml")
    (tmp_path / "forgotten.yml").write_text("id: forgotten\n", "utf-8")
    (tmp_path / "challenge.schema.json").write_text("{}", "utf-8")
    (tmp_path / ".#demo.yaml").write_text("what an editor leaves behind", "utf-8")
    challenges, broken = load_all(tmp_path)
    assert list(challenges) == ["demo"]
    assert [Path(error.problems[0].file).name for error in broken] == ["forgotten.yml", "misspelt.yaml"]


def test_a_folder_that_is_not_there_asks_for_a_person(tmp_path: Path) -> None:
    with pytest.raises(NeedsPerson, match="COLLECTE_CHALLENGES"):
        load_all(tmp_path / "none")


def test_the_models_refuse_by_themselves_what_the_reader_explains(tmp_path: Path) -> None:
    raw = load(DEMO).model_dump(mode="json")
    raw["centres"][0]["promised"][0]["by"] = "2019-12-31"
    with pytest.raises(ValueError, match="outside the collection"):
        Challenge.model_validate(raw)


def test_loading_asks_neither_environment_nor_network_and_changes_nothing() -> None:
    before = DEMO.read_bytes()
    assert load(DEMO) == load(DEMO)
    assert DEMO.read_bytes() == before


def test_a_centre_is_found_by_its_id_and_an_unknown_one_is_no_centre() -> None:
    challenge = load(DEMO)
    assert challenge.centre("belcombe").drop.connection == "demo_s3_belcombe"
    with pytest.raises(KeyError):
        challenge.centre("nowhere")


def test_headers_are_compared_without_case_accents_and_punctuation() -> None:
    assert header_key("  N° d'IPP ") == header_key("n d_ipp")
    assert header_key("Modalité") == header_key("MODALITE")


# --- the demonstration


def test_the_demonstration_allows_every_kind_and_its_agreements_cover_them() -> None:
    challenge = load(DEMO)
    assert challenge.kinds.allowed == {"dicom", "table"}
    assert challenge.refused_file == "holds_itself"
    assert challenge.centres[0].agreement.received_as == "identifying"
    for centre in challenge.centres:
        assert set(centre.agreement.kinds) == challenge.kinds.allowed
        assert centre.agreement.ends is not None
        assert centre.agreement.ends >= date(2099, 1, 1)


def test_the_demonstration_drops_what_names_a_person() -> None:
    rules = load(DEMO).kinds.table
    assert rules is not None
    action = {header_key(name): column.action for column in rules.columns for name in column.names}
    for header in ("Nom", "Prénom", "Date de naissance", "DDN", "Adresse", "Téléphone", "E-mail", "NIR", "INS", "Name"):
        assert action[header_key(header)] == "drop", header


# --- the schema


def test_the_committed_schema_is_the_models() -> None:
    committed = json.loads((CHALLENGES / "challenge.schema.json").read_text("utf-8"))
    assert committed == json_schema(), "run `collecte docs`"
    Draft202012Validator.check_schema(committed)


@pytest.mark.parametrize("path", sorted(CHALLENGES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_challenge_file_is_sound_and_points_to_the_schema(path: Path) -> None:
    challenge = load(path)
    assert path.read_text("utf-8").splitlines()[0] == "# yaml-language-server: $schema=challenge.schema.json"
    Draft202012Validator(json_schema()).validate(challenge.model_dump(mode="json"))


def test_twenty_challenges_of_thirty_centres_are_read(tmp_path: Path) -> None:
    centre = load(DEMO).centres[0].model_dump(mode="json")
    raw = load(DEMO).model_dump(mode="json")
    for number in range(20):
        drop = {"connection": "sftp", "path": ""}
        centres = [{**centre, "id": f"c{i}", "drop": {**drop, "path": f"/depot/{i}"}} for i in range(30)]
        (tmp_path / f"c{number}.yaml").write_text(json.dumps({**raw, "id": f"c{number}", "centres": centres}, indent=1))
    challenges, broken = load_all(tmp_path)
    assert (len(challenges), broken) == (20, [])
