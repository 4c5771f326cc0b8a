"""``make setup`` finds a Python that really runs, and says in one line what is missing where there is none."""

import shutil
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
FIND = HOME / "deploy" / "find-python.sh"
SHELL = shutil.which("sh") or "/bin/sh"


def _find(path: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Look for a Python on a machine that has only what ``path`` holds."""
    machine = {"PATH": str(path), "SYSTEM_PYTHON": "/nowhere/python3", **environment}
    return subprocess.run([SHELL, FIND], env=machine, capture_output=True, text=True, check=False)


def _program(path: Path, name: str, script: str) -> None:
    (path / name).write_text(f"#!{SHELL}\n{script}\n", "utf-8")
    (path / name).chmod(0o755)


def test_a_shim_that_points_at_nothing_is_passed_over(tmp_path: Path) -> None:
    _program(tmp_path, "python3", "echo 'pyenv: python3: command not found' >&2; exit 127")
    _program(tmp_path, "python3.13", "exit 127")
    (tmp_path / "python3.12").symlink_to(sys.executable)

    found = _find(tmp_path)

    assert found.returncode == 0, found.stderr
    assert Path(found.stdout.strip()).exists()


def test_the_python_that_one_names_comes_first(tmp_path: Path) -> None:
    _program(tmp_path, "python3", "echo /the/wrong/one")

    found = _find(tmp_path, PYTHON=sys.executable)

    assert found.stdout.strip() == sys.executable


def test_a_python_that_is_too_old_or_too_new_is_passed_over(tmp_path: Path) -> None:
    _program(tmp_path, "python3", "exit 3")
    (tmp_path / "python3.11").symlink_to(sys.executable)

    assert _find(tmp_path).stdout.strip() == str(tmp_path / "python3.11")


def test_a_missing_venv_is_said_in_one_line(tmp_path: Path) -> None:
    """Debian's python3 without python3-venv runs, and has no ensurepip."""
    _program(tmp_path, "python3", "exit 4")

    found = _find(tmp_path)

    assert found.returncode == 1
    assert found.stderr == "python3-venv is missing: apt install python3-venv\n"


def test_a_missing_python_is_said_in_one_line(tmp_path: Path) -> None:
    found = _find(tmp_path)

    assert found.returncode == 1
    assert found.stdout == ""
    assert found.stderr.count("\n") == 1
    assert "is missing: apt install python3 python3-venv" in found.stderr
