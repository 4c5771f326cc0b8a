"""The ``collecte`` command, run as people run it: a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from collecte.cli import app, exit_code
from collecte.cli.docs import pages
from collecte.errors import Bug, CollecteError, LeaseLost, NeedsPerson, Retry
from collecte.keys import Keys

HOME = Path(__file__).parents[2]
DEMO = HOME / "include" / "challenges" / "demo.yaml"
BAD = HOME / "tests" / "challenges_bad"


def collecte(*arguments: str | Path, cwd: Path = HOME) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", "from collecte.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200"},
    )


def verbs(command: typer.core.TyperCommand, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inner = getattr(command, "commands", {})
    return [path] if not inner else [each for name in inner for each in verbs(inner[name], (*path, name))]


VERBS = verbs(get_command(app))


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_explains_itself_with_an_example(verb: tuple[str, ...]) -> None:
    command = get_command(app)
    for name in verb:
        command = command.commands[name]
    text = command.get_help(typer.Context(command, info_name=" ".join(("collecte", *verb)), terminal_width=200))
    assert f"collecte {' '.join(verb)} " in text.partition("Example")[2].replace("\n", " ") + " ", text


def test_help_imports_nothing_heavy() -> None:
    """A verb that imports pandas or pydicom at the top would let everybody wait for seconds."""
    code = "import sys, collecte.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"pydantic", "pandas", "pydicom", "sqlalchemy", "boto3", "paramiko", "great_expectations", "airflow"}
    assert heavy & set(done.stdout.split()) == set()


# --- collecte challenge


def test_a_sound_file_is_said_to_be_usable() -> None:
    done = collecte("challenge", "check", DEMO)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{DEMO}: can be used\n"


def test_every_error_of_every_file_is_printed_and_the_check_fails() -> None:
    done = collecte("challenge", "check", "misspelt.yaml", DEMO, "colon.yaml", cwd=BAD)
    assert done.returncode == 1
    golden = [(BAD / name).read_text("utf-8") for name in ("misspelt.txt", "colon.txt")]
    assert done.stdout == f"{golden[0]}{DEMO}: can be used\n{golden[1]}"


def test_a_machine_gets_file_line_key_message_and_remedy() -> None:
    done = collecte("challenge", "check", "another-name.yaml", "--json", cwd=BAD)
    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "files": [
            {
                "file": "another-name.yaml",
                "ok": False,
                "problems": [
                    {
                        "file": "another-name.yaml",
                        "line": 2,
                        "key": "id",
                        "message": "`essai-2027` is not the file's name, `another-name`.",
                        "remedy": "write `id: another-name`, or rename the file to essai-2027.yaml.",
                    }
                ],
            }
        ]
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("challenge", "check"),
        ("challenge", "check", "nowhere.yaml"),
        ("challenge", "check", "."),
        ("chalenge",),
        ("--no",),
    ],
)
def test_a_call_that_cannot_be_understood_ends_with_two(arguments: tuple[str, ...]) -> None:
    done = collecte(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage" in done.stderr


def test_the_printed_schema_is_the_committed_one() -> None:
    done = collecte("challenge", "schema")
    assert done.returncode == 0
    assert done.stdout == (DEMO.parent / "challenge.schema.json").read_text("utf-8")


# --- collecte key


def test_new_keys_are_made_once_and_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    assert collecte("key", "new", file).returncode == 0
    keys = Keys.load(file)
    again = collecte("key", "new", file)
    assert again.returncode == 2
    assert again.stdout == ""
    assert "To do: choose another file name" in again.stderr
    assert Keys.load(file) == keys


def test_rotation_keeps_what_pseudonyms_are_made_of(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    keys = Keys.new()
    keys.save(file)
    done = collecte("key", "rotate", file, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["sealing"] == "k2"
    rotated = Keys.load(file)
    assert rotated.challenge_secret == keys.challenge_secret
    assert rotated.sealing["k1"] == keys.sealing["k1"]


def test_no_key_is_ever_printed(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    said = "".join(
        done.stdout + done.stderr
        for done in (collecte("key", "new", file), collecte("key", "rotate", file), collecte("key", "new", file))
    )
    for line in file.read_text("utf-8").splitlines():
        secret = line.partition(": ")[2].strip('",')
        assert len(secret) < 40 or secret not in said


def test_a_missing_key_file_is_a_matter_of_configuration(tmp_path: Path) -> None:
    done = collecte("key", "rotate", tmp_path / "none.json")
    assert done.returncode == 2
    assert "collecte key new" in done.stderr
    assert "Traceback" not in done.stderr


# --- exit codes and pages


@pytest.mark.parametrize(
    ("error", "code"),
    [(NeedsPerson("No key.", "make one."), 2), (LeaseLost("Late.", "wait."), 1), (Retry("Lost."), 1), (Bug("?"), 1)],
)
def test_the_exit_code_says_whether_somebody_must_act(error: CollecteError, code: int) -> None:
    assert exit_code(error) == code


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    assert (HOME / name).read_text("utf-8") == pages()[name], "run `collecte docs`"
