"""Promise 6: from one identifier at one centre to every copy of the subject's data, their removal, the notice.

Built so far: from the identifier to the pseudonym, from it to every file and every key at the destination, and the
erasure of the catalogue's rows with a chain that holds. Not built yet, and so not tested: the removal of the bytes in
landing, curated and at destinations in one act, its approval, the notice to recipients, and the refusal of files of a
recalled subject that arrive later.
"""

from sqlalchemy import Connection, select

from collecte import catalogue, steps
from collecte.catalogue import erase_files, tables
from collecte.catalogue.dump import canonical_dump
from collecte.records import PatientRef, State
from collecte.transport import open_destination
from demo.deliveries import ESTRUGAMOU, MARCHEMALLE
from tests.journey.conftest import World
from tests.journey.drops import drop, image, lay
from tests.promises.builders import zipped

BATCH = "demo/arvel/d0001"


def test_from_an_identifier_to_every_file_and_key_and_their_rows_can_go(world: World) -> None:
    table = f"ipp;label\n{MARCHEMALLE.ipp};1\n{ESTRUGAMOU.ipp};0\n".encode()
    only = f"ipp;label\n{ESTRUGAMOU.ipp};0\n".encode()
    files = {
        "serie/IM1": image(MARCHEMALLE, 1),
        "serie.zip": zipped({"IM2": image(MARCHEMALLE, 2), "IM3": image(ESTRUGAMOU, 3)}),
        "tronque": image(MARCHEMALLE, 4, study=2)[:-200],
        "tous.csv": table,
        "autre.csv": only,
        "IM5": image(ESTRUGAMOU, 5),
    }
    lay(drop(world) / "lot", files)
    site = world.site("arvel")
    steps.run(site)
    pseudonym = site.context().pseudonyms.subject(PatientRef(MARCHEMALLE.ipp))
    assert pseudonym

    with site.catalogue.read() as connection:
        found = _files_of(connection, pseudonym)
        subjects = catalogue.subjects_of(connection, 1)
        rows = {file.id: file for file in catalogue.files_of_delivery(connection, 1)}
    # Complete: as many files as were laid of that patient, and each object of the batch that shows the pseudonym.
    names = {str(rows[file].name) for file in found if rows[file].state is State.ACCEPTED}
    assert names == _showing(world, pseudonym)
    assert len(names) == 3  # two images and the table in which the subject is one of two
    assert {rows[file].reason for file in found if rows[file].state is not State.ACCEPTED} <= {"DICOM-TRUNCATED"}
    assert all(pseudonym in subjects[file] for file in found)

    with site.catalogue.transaction() as connection:
        erase_files(connection, found)
        assert catalogue.verify(connection, "demo") == []
    with site.catalogue.read() as connection:
        assert _files_of(connection, pseudonym) == []
        assert pseudonym not in "\n".join(canonical_dump(connection, "demo"))
        words = {i.value for i in catalogue.identifiers_of(connection, site.keys, 1) if i.subject == pseudonym}
        assert words == set()


def _files_of(connection: Connection, pseudonym: str) -> list[int]:
    """The ids of the files that the catalogue holds to be about a subject."""
    link, subject = tables.file_subject.c, tables.subject.c
    ids = select(link.file_id).join(tables.subject, subject.id == link.subject_id).where(subject.pseudonym == pseudonym)
    return sorted(connection.execute(ids).scalars())


def _showing(world: World, pseudonym: str) -> set[str]:
    """The files of the batch, by name, in whose bytes the pseudonym stands."""
    hdh = world.challenge.hdh
    with open_destination(world.connect(hdh.connection), hdh.path) as destination:
        keys = [key for key in destination.list_keys(BATCH) if "manifest" not in key and "SUMS" not in key]
        return {key.removeprefix(f"{BATCH}/") for key in keys if pseudonym.encode() in destination.read(key)}
