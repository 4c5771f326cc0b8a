"""Promise 1: an object is shipped only if a profile covers its type and the scan found none of the whole delivery's
identifiers in it; whatever else happens, nothing that identifies is read outside drop and landing.

The rooms are attacked in tests/formats and tests/residual; here a delivery that hides names in every place that a
centre can write goes the whole way, and the way is tried with each of its steps left out.
"""

import hashlib
import sqlite3
from collections.abc import Callable

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from collecte import steps
from collecte.catalogue import identifiers_of
from collecte.errors import CollecteError, NeedsPerson
from collecte.transport import open_destination
from demo.deliveries import ESTRUGAMOU, MARCHEMALLE, TRIBOULOT, nir
from demo.verify import search
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, bucket, drop, ends, image, images_in_bucket, lay
from tests.promises.builders import altered, written, zipped

#: Stands only in the names of folders, of members and of manifests.
QUIBREMONT, VAUDRIMESNIL, TASSELOUP = "Quibremont", "Vaudrimesnil", "Tasseloup"
NIR = nir("2560450116042")
PLANTED = {
    *(part for patient in (MARCHEMALLE, ESTRUGAMOU, TRIBOULOT) for part in (*patient.name.split("^"), patient.ipp)),
    *(MARCHEMALLE.born, ESTRUGAMOU.born, TRIBOULOT.born),
    *(QUIBREMONT, VAUDRIMESNIL, TASSELOUP, NIR),
}


def test_a_name_planted_in_any_place_that_a_centre_writes_is_found_in_none_that_leaves(world: World) -> None:
    lay(drop(world) / f"Lot de {QUIBREMONT}", _delivery())
    process = world.command("run", "demo", "arvel", "--json")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1, said

    site = world.site("arvel")
    assert_sound(site)
    found = {path.partition("/")[2]: end for path, end in ends(site).items()}
    accepted = {path for path, end in found.items() if end == "accepted"}
    # The names in headers, in private and nested elements, after the pixels, and in paths are taken out …
    assert accepted == {
        *(f"{MARCHEMALLE.name}/IM1", f"{MARCHEMALLE.name}/cache.dcm", "bourrage.dcm", "label.csv"),
        f"serie.zip!/{VAUDRIMESNIL}/IM1",
    }
    # … those in pixels and in free text cannot be, and the type that no profile covers is not opened at all.
    assert {path: end.partition(":")[0] for path, end in found.items() if path not in accepted} == {
        "pixels.dcm": "quarantined",
        "rapport.dcm": "quarantined",
        "suivi.csv": "quarantined",
        "lettre.bin": "quarantined",
        "serie.zip": "superseded",
        f"{TASSELOUP}.sha256": "rejected",
    }
    assert len(images_in_bucket(world, "d0001")) == 4
    _assert_nowhere(world, said)


@pytest.mark.parametrize("word", ["Quibremont", "QUIBREMONT", "quibrémont"])
def test_a_name_known_only_from_a_refused_file_of_the_delivery_is_looked_for_in_all_others(
    world: World, word: str
) -> None:
    """The header names nobody of that name; what names them is refused, and by itself would say nothing."""
    foreign = altered(image(ESTRUGAMOU, 1), PatientName=f"{QUIBREMONT}^Irmeline")[:-200]
    table = f"ipp;commentaire\n{MARCHEMALLE.ipp};adressée par {word}\n".encode()
    lay(drop(world) / "lot", {"coupe.dcm": foreign, "suivi.csv": table, "IM1": image(MARCHEMALLE, 1)})
    site = world.site("arvel")
    steps.run(site)
    assert ends(site)["lot/coupe.dcm"] == "quarantined: DICOM-TRUNCATED"
    assert ends(site)["lot/suivi.csv"].startswith("quarantined: ")
    assert ends(site)["lot/IM1"] == "accepted"
    assert not [key for key in bucket(world) if "/tables/" in key]


@pytest.mark.parametrize(
    "broken",
    [f'ipp;nom;label\n{ESTRUGAMOU.ipp};{QUIBREMONT};1\n"', f"ipp;nom;label\n;{QUIBREMONT};1\n"],
    ids=["ends amid a cell", "no row can be sent"],
)
def test_a_name_that_could_be_read_in_a_refused_table_is_looked_for_in_all_others(world: World, broken: str) -> None:
    table = f"ipp;commentaire\n{MARCHEMALLE.ipp};adressée par {QUIBREMONT}\n"
    lay(drop(world) / "lot", {"casse.csv": broken.encode(), "suivi.csv": table.encode(), "IM1": image(MARCHEMALLE, 1)})
    site = world.site("arvel")
    steps.run(site)
    assert ends(site)["lot/casse.csv"].startswith("quarantined: TABLE-")
    with site.catalogue.read() as connection:
        known = {each.value for each in identifiers_of(connection, site.keys, site.delivery("d0001").id)}
    assert QUIBREMONT in known
    assert not [key for key in bucket(world) if "/tables/" in key]


def test_a_step_that_was_left_out_lets_nothing_pass(world: World) -> None:
    """Somebody marks a task as success: each step asks the catalogue whether the one before it did its work."""
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1), "lettre.bin": b"\0\1 Quibremont"})
    site = world.site("arvel")
    assert len(steps.find(site)) == 1
    way: dict[str, Callable[[], object]] = {
        "receive": lambda: steps.receive(site, "d0001/receive/1"),
        "unpack": lambda: steps.unpack(site, ["d0001"]),
        "harvest": lambda: steps.harvest(site, "d0001/harvest/1"),
        "group": lambda: steps.group(site, ["d0001"]),
        "make_safe": lambda: steps.make_safe(site, "d0001/make_safe/1"),
        "describe": lambda: steps.describe(site, "d0001/describe/1"),
        "validate": lambda: steps.validate(site, "d0001"),
        "accept": lambda: steps.accept(site, "d0001"),
        "plan_ship": lambda: steps.plan_ship(site, "d0001"),
        "ship": lambda: steps.ship(site, "d0001/ship/1"),
        "commit": lambda: steps.commit_shipment(site, "d0001"),
    }
    names = list(way)
    for number, step in enumerate(names):
        for later in names[number + 1 :]:
            if step != "plan_ship":  # a plan is no piece of work: what comes after it asks for itself
                with pytest.raises(NeedsPerson, match="d0001"):
                    way[later]()
        assert bucket(world) == {} or step in ("ship", "commit"), f"something left before {step}"
        way[step]()
    assert len(images_in_bucket(world, "d0001")) == 1
    assert_sound(site)


@pytest.mark.parametrize(("step", "cut"), [("unpack", "harvest"), ("group", "make_safe"), ("group", "describe")])
def test_a_step_that_died_before_it_cut_the_next_one_is_not_done(world: World, step: str, cut: str) -> None:
    """Else, marked as success, it would leave nothing to do to a step that had everything to do."""
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1)})
    site = world.site("arvel")
    for ref in steps.find(site):
        steps.receive(site, ref.shard)
    if step == "group":
        for ref in steps.unpack(site, ["d0001"]):
            steps.harvest(site, ref.shard)
    begin = {"unpack": steps.unpack, "group": steps.group}[step]
    with sqlite3.connect(world.folder / "catalogue.db") as database:
        refuse = (
            f"CREATE TRIGGER dies BEFORE INSERT ON shard WHEN NEW.step = '{cut}' BEGIN SELECT RAISE(ABORT, ''); END"
        )
        database.execute(refuse)
    with pytest.raises(CollecteError):
        begin(site, ["d0001"])
    with sqlite3.connect(world.folder / "catalogue.db") as database:
        database.execute("DROP TRIGGER dies")

    with pytest.raises(NeedsPerson, match=f"clear {step} and what comes after it"):
        steps.validate(site, "d0001") if step == "group" else steps.group(site, ["d0001"])
    assert len(begin(site, ["d0001"])) == 1
    steps.run(site)
    assert ends(site) == {"lot/IM1": "accepted"}


def _delivery() -> dict[str, bytes]:
    hidden = written(image(MARCHEMALLE, 2), _hide)
    after = altered(image(MARCHEMALLE, 3), DataSetTrailingPadding=f"{ESTRUGAMOU.name} ".encode())
    surname = MARCHEMALLE.name.partition("^")[0].encode()
    pixels = image(MARCHEMALLE, 4)
    pixels = pixels[:-300] + surname + pixels[-300 + len(surname) :]
    report = altered(image(MARCHEMALLE, 5), SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1")
    free = f"ipp;commentaire\n{MARCHEMALLE.ipp};vu avec M. {TRIBOULOT.name.split('^')[0]}, NIR {NIR}\n".encode("cp1252")
    members = {f"{VAUDRIMESNIL}/IM1": image(TRIBOULOT, 1)}
    files = {
        f"{MARCHEMALLE.name}/IM1": image(MARCHEMALLE, 1),
        f"{MARCHEMALLE.name}/cache.dcm": hidden,
        "bourrage.dcm": after,
        "pixels.dcm": pixels,
        "rapport.dcm": report,
        "suivi.csv": free,
        "label.csv": f"ipp;label\n{ESTRUGAMOU.ipp};1\n".encode(),
        "lettre.bin": f"\0\1\2 {ESTRUGAMOU.name} {VAUDRIMESNIL}".encode(),
        "serie.zip": zipped(members),
    }
    listed = [f"{hashlib.sha256(content).hexdigest()}  {path}" for path, content in files.items()]
    return files | {f"{TASSELOUP}.sha256": "\n".join(listed).encode()}


def _hide(dataset: Dataset) -> None:
    dataset.private_block(0x0029, "COLLECTE TEST", create=True).add_new(0x01, "LO", f"Mme {ESTRUGAMOU.name}")
    dataset.private_block(0x0031, "COLLECTE TEST", create=True).add_new(0x02, "OB", TRIBOULOT.name.encode("utf-16-le"))
    inner = Dataset()
    inner.PatientName, inner.PatientComments = TRIBOULOT.name, f"NIR {NIR}"
    outer = Dataset()
    outer.ScheduledProcedureStepDescription = f"demande de {MARCHEMALLE.name}"
    outer.ReferencedPatientSequence = Sequence([inner])
    dataset.RequestAttributesSequence = Sequence([outer])
    dataset.add_new(0x60000022, "LO", QUIBREMONT)  # an overlay's description
    dataset.ImageComments = f"comparer avec {ESTRUGAMOU.ipp}"


def _assert_nowhere(world: World, said: str) -> None:
    places = [("the command's output", (said.encode(),))]
    for folder in ("curated", "reports"):
        files = [path for path in (world.folder / folder).rglob("*") if path.is_file()]
        places += [(str(path), (str(path).encode(), path.read_bytes())) for path in files]
    places += [(path.name, (path.read_bytes(),)) for path in world.folder.glob("catalogue.db*")]
    hdh = world.challenge.hdh
    with open_destination(world.connect(hdh.connection), hdh.path) as destination:
        places += [(key, (key.encode(), destination.read(key))) for key in destination.list_keys()]
    assert len(places) > 10
    assert sorted(set(search(PLANTED, places))) == []
