"""The tables of docs/dicom-rules.md: what the rules for DICOM say, for whoever checks them without reading code."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence


def dicom_page() -> tuple[str, Iterator[str]]:
    """The introduction, and the sections."""
    from collecte.formats.dicom.explain import EDITION

    intro = (
        f"Options, SOP classes, transfer syntaxes and private elements as the rules hold them (PS3.15 table E.1-1, "
        f"edition {EDITION}). The tables are `include/collecte/formats/dicom/rules/*.csv`, each with its source in its "
        "first lines; `deploy/dicom_rules` makes them. What they mean for patients, in French and English: "
        "[deidentification.md](deidentification.md). What becomes of one file: `collecte explain FILE`."
    )
    return intro, _sections()


def _sections() -> Iterator[str]:
    yield from _options()
    yield from _own_choices()
    yield from _covered()
    yield from _refused()
    yield from _syntaxes()
    yield from _private()


def _options() -> Iterator[str]:
    from collecte.formats.dicom.explain import options

    shown = options()
    yield (
        "## Options\n\nAttributes of table E.1-1 that each option keeps and cleans; the two about pixels have no "
        "column. What one option keeps no other cleans; what none of the challenge's options names falls under the "
        "Basic Profile.\n"
    )
    rows = ((o.code, f"`{o.name}`", o.meaning, str(len(o.keeps)), str(len(o.cleans))) for o in shown)
    yield _table(("CID 7050", "in the challenge file", "in the standard", "keeps", "cleans"), rows)
    for option in shown:
        for verb, keywords in (("keeps", option.keeps), ("cleans", option.cleans)):
            if keywords:
                listed = ", ".join(sorted(keywords))
                yield f"<details><summary><code>{option.name}</code> {verb}</summary>\n\n{listed}\n\n</details>\n"


def _own_choices() -> Iterator[str]:
    from collecte.formats.dicom.explain import rule_table

    yield "## Where Collecte is stricter than the table, or chooses among what it allows\n"
    rows = ((f"`{row['keyword']}`", row["action"], row["why"]) for row in rule_table("ours"))
    yield _table(("attribute", "what is done", "why"), rows)


def _covered() -> Iterator[str]:
    from collecte.formats.dicom.explain import rule_table

    classes = rule_table("sop_classes")
    yield (
        f"## SOP classes that are covered ({len(classes)})\n\nAny other is refused. *text*: whether text is looked for "
        "in the pixels of each file (always), of the first of each series and a share of the rest (sample), or of "
        "none (never).\n"
    )
    rows = ((_name(row), row["uid"], row["family"], row["pixels"], row["text"]) for row in classes)
    yield _table(("class", "UID", "family", "pixels", "text"), rows)


def _refused() -> Iterator[str]:
    from collecte.formats.dicom.explain import rule_table

    classes = rule_table("refused_classes")
    yield f"## Known SOP classes that are refused ({len(classes)})\n"
    rows = ((_name(row), row["uid"], f"[{row['code']}](findings.md#{row['code'].lower()})") for row in classes)
    yield _table(("class", "UID", "finding"), rows)


def _name(row: dict[str, str]) -> str:
    return (row["name"] or "(retired; no name left)") + (" (retired)" if row.get("retired") else "")


def _syntaxes() -> Iterator[str]:
    from collecte.formats.dicom.explain import rule_table

    yield "## Transfer syntaxes that are covered\n\nAny other is refused: video, referenced and streamed pixel data.\n"
    rows = ((row["name"], row["uid"], row["pixels"]) for row in rule_table("transfer_syntaxes"))
    yield _table(("transfer syntax", "UID", "pixels"), rows)


def _private() -> Iterator[str]:
    from collecte.formats.dicom.explain import rule_table

    elements = rule_table("private_safe")
    creators = Counter(row["creator"] for row in elements)
    yield (
        f"## Private elements that `retain_safe_private` may keep ({len(elements)})\n\nBy creator; the elements "
        "themselves are in `private_safe.csv`. Without the option, and of every other creator, all go.\n"
    )
    yield _table(("creator", "elements"), ((f"`{name}`", str(n)) for name, n in sorted(creators.items())))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in (heads, *rows))
    first, *rest = lines
    return "\n".join((first, "|---" * len(heads) + "|", *rest, ""))
