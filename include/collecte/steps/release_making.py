"""The tree of a release and what goes with it, out of what is shared out: for a first freeze, and after a recall."""

import csv
import hashlib
import io
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from collecte.catalogue import Job, PackageFile, PackageRow
from collecte.challenge import ReleaseRules
from collecte.errors import CollecteError, NeedsPerson
from collecte.findings import Finding
from collecte.keys import Keys
from collecte.package import as_json, digest_of, sha256_of
from collecte.release import (
    Assigned,
    Copy,
    Scratch,
    Source,
    Tables,
    add_document,
    certificate,
    page,
    reread,
    reseal,
    seal_tree,
    verify,
    write_assignment,
    write_labels,
    write_tree,
)
from collecte.settings import HOME
from collecte.steps.challenge_site import ChallengeSite
from collecte.zones import fsync_folder, write_whole, zone_folder

#: Lists that the certificate names by their sums; through ``files.csv`` it certifies every file.
_CERTIFIED = ("files.csv", "release.json", "train/labels.csv")


@dataclass(frozen=True)
class Plan:
    """What a release is made of. ``sources`` are read as they are taken; ``rows`` holds its tables by case."""

    about: dict[str, Any]
    assigned: Sequence[Assigned]
    secret: bytes
    sources: Iterable[Source]
    copy: Copy
    rows: Scratch
    tables: Tables
    findings: Sequence[Finding]


@dataclass(frozen=True)
class Made:
    """A tree that is sealed. ``files`` are read from the scratch file as they are taken."""

    digest: str
    counts: dict[str, int]


def making_folder(final: Path, attempt: int) -> Path:
    """Where an attempt makes a tree, beside its place."""
    return final.with_name(f".{final.name}.making.{attempt}")


def making_folders(final: Path) -> list[Path]:
    """Where attempts made a tree, beside its place."""
    return sorted(final.parent.glob(f".{final.name}.making.*"))


def take_over(final: Path, attempt: int) -> Path:
    """The folder in which this attempt makes a tree, with what earlier ones have made of it. They find theirs no more,
    should one still be at work.
    """
    mine = making_folder(final, attempt)
    mine.parent.mkdir(parents=True, exist_ok=True)
    take_back(final)
    for older in making_folders(final):
        if mine.exists():
            shutil.rmtree(older)
        else:
            older.rename(mine)
    return mine


def rules_of(site: ChallengeSite) -> ReleaseRules:
    """The challenge's rules of releases.

    Raises:
        NeedsPerson: there are none.
    """
    if site.challenge.release is None:
        raise NeedsPerson(
            f"The challenge file of {site.challenge.id} has no block release.",
            "add one: docs/challenge.md says what it holds.",
        )
    return site.challenge.release


def tables_of(site: ChallengeSite, sources: dict[str, list[int]]) -> Tables:
    """How tables are cut: every column of the ground truth, and free text, is hidden in the test sets."""
    columns = site.challenge.kinds.table.columns if site.challenge.kinds.table else ()
    hidden = [column.names[0] for column in columns if column.action in ("label", "text")]
    order = [column.names[0] for column in columns]
    return Tables(rules_of(site).label, "subject", frozenset(hidden), order, sources)


def about(site: ChallengeSite, package: PackageRow, tables: Tables, homogeneity: dict[str, Any]) -> dict[str, Any]:
    """What ``release.json`` says: nothing of the time, nor of the machine."""
    return {
        "challenge": site.challenge.id,
        "version": package.label,
        "title": {"fr": site.challenge.title.fr, "en": site.challenge.title.en},
        "label": tables.label,
        "hidden_in_test": sorted({*tables.hidden, tables.label}),
        "groups": list(rules_of(site).split.groups),
        "inputs": package.inputs,
        "homogeneity": homogeneity,
        "suites": {path.name: sha256_of(path) for path in sorted((HOME / "expectations").glob("*.json"))},
        "challenge_file": hashlib.sha256(site.challenge.model_dump_json().encode()).hexdigest(),
        "code": {"version": version("collecte"), "sha256": _code()},
        "replaces": None,
    }


def make(site: ChallengeSite, package: PackageRow, plan: Plan, job: Job) -> Made:
    """Write the tree of a release beside its place, certify and sign it, give it its name, and keep what stays hidden
    in the vault. One that stood there stands beside it until :func:`drop_replaced`.

    Raises:
        NeedsPerson: something crosses from one part into another, or the tree does not verify.
    """
    from collecte.formats.registry import FORMATS  # pydicom, which most steps need not load

    final = site.folder(package)
    folder = take_over(final, job.attempt)
    hidden = site.hidden(package)
    write_assignment(site.keys, hidden, plan.assigned)
    for destination in rules_of(site).destinations:
        write_labels(hidden, destination.id, destination.scorer_key, plan.tables.label, plan.assigned)
    job.check()
    write_tree(folder, plan.about, plan.assigned, plan.sources, plan.copy, plan.rows, plan.tables)
    parts = {one.case: one.part for one in plan.assigned}
    read = reread(folder, parts, list(plan.about["groups"]), lambda kind, path: FORMATS[kind].describe(path))
    if read.crossings:
        raise NeedsPerson(
            f"{package.about} is not frozen: {'; '.join(read.crossings)}.",
            "report it: the groups do not hold what they should.",
        )
    sums = {name: sha256_of(folder / name) for name in _CERTIFIED}
    content = certificate(plan.about, plan.assigned, plan.secret, read, plan.findings, sums)
    add_document(folder, "certificate.json", as_json(content), plan.rows)
    add_document(folder, "certificate.html", page(content), plan.rows)
    job.check()
    digest = seal_tree(folder, plan.rows, site.keys.signing)
    if broken := verify(folder, None):
        raise NeedsPerson(f"{package.about} does not verify: {broken[0]}.", "check the disk, then run the step again.")
    write_whole(site.reported() / f"certificate-{package.label}.html", io.BytesIO(page(content)))
    counts = {"cases": len(plan.assigned), "files": read.files, "findings": len(plan.findings)}
    counts |= {f"{part}_cases": figures["cases"] for part, figures in content["parts"].items()}
    job.check()
    put_in_place(final, folder)
    return Made(digest, counts)


def put_in_place(final: Path, making: Path) -> None:
    """Give a sealed tree its name; one that stood there stands beside it until :func:`drop_replaced`."""
    if final.exists():
        final.rename(_replaced(final))
    making.rename(final)
    fsync_folder(final.parent)


def take_back(final: Path) -> None:
    """Undo what a killed attempt began to put in place, so that it is done again from the start."""
    replaced = _replaced(final)
    if not replaced.exists():
        return
    if final.exists():
        taken_back = making_folder(final, 0)
        shutil.rmtree(taken_back, ignore_errors=True)
        final.rename(taken_back)
    replaced.rename(final)


def drop_replaced(final: Path) -> None:
    """Remove the tree that was replaced: what was recalled is in it."""
    shutil.rmtree(_replaced(final), ignore_errors=True)


def drop_remains(site: ChallengeSite, package: PackageRow) -> None:
    """Remove what an attempt left that was killed after its job was done: scratch files, in which pseudonyms stand, and
    the tree that was replaced, unless a later attempt is putting another one in place.
    """
    if stands(site, package):
        drop_replaced(site.folder(package))
    for left in site.hidden(package).glob("scratch.*"):
        left.unlink(missing_ok=True)


def reseal_vault(vault: str, challenge_id: str, keys: Keys) -> dict[str, int]:
    """Seal anew, under the active key, what the vault (a URL) holds of a challenge; how many files that were."""
    folder = zone_folder(vault, "COLLECTE_VAULT") / challenge_id
    return {"vault": sum(reseal(keys, path.parent) for path in sorted(folder.rglob("secret")))}


def package_rows(rows: Scratch, tables: Tables, folder: Path) -> Iterator[PackageFile]:
    """What the catalogue keeps of a release: a row for each file; of a merged table one for each file in it."""
    for written in rows.files():
        name = Path(written.path).stem
        origins: Sequence[int | None] = (
            (tables.sources.get(name) or [None]) if written.kind == "table" and not written.case else [written.file_id]
        )
        for file_id in origins:
            yield PackageFile(file_id, written.path, written.part, written.size, written.sha256)
    for name in ("SHA256SUMS", "SHA256SUMS.sig"):
        path = folder / name
        yield PackageFile(None, name, "", path.stat().st_size, sha256_of(path))


def require_unchanged(site: ChallengeSite, package: PackageRow) -> Path:
    """The folder of a frozen release, if it is what was frozen.

    Raises:
        NeedsPerson: it is not frozen, or its ``SHA256SUMS`` is another.
    """
    if package.state != "frozen":
        raise NeedsPerson(f"{package.about} is not frozen.", "let its run end first.")
    if not stands(site, package):
        raise NeedsPerson(
            f"SHA256SUMS of {package.about} is not what was frozen.",
            "put the folder back from its backup: it was changed after it was frozen.",
        )
    return site.folder(package)


def stands(site: ChallengeSite, package: PackageRow) -> bool:
    """Whether the tree in a package's place is the one that was frozen, as its ``SHA256SUMS`` says."""
    try:
        return digest_of(site.folder(package)) == package.digest
    except OSError:
        return False


@contextmanager
def at_work(job: Job) -> Iterator[None]:
    """The work of an attempt: what stops it is first held against the attempt, and tells of no path.

    Raises:
        LeaseLost: a newer attempt began.
        NeedsPerson: a disk is full or refuses.
    """
    try:
        yield
    except CollecteError:
        job.check()
        raise
    except (OSError, csv.Error) as error:
        job.check()
        raise NeedsPerson(
            f"The operating system refused a file of {job.name} ({type(error).__name__}).",
            "check that release, vault and curated are mounted, have room and may be written to; then clear the task.",
        ) from None


def _replaced(final: Path) -> Path:
    return final.with_name(f".{final.name}.replaced")


def _code() -> str:
    """A digest over the library's code and rules."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*")):
        if path.suffix in (".py", ".yaml", ".csv", ".jinja"):
            digest.update(f"{path.relative_to(root).as_posix()}\0{sha256_of(path)}\n".encode())
    return digest.hexdigest()
