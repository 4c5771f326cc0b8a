"""Promise 1 where text remains: no planted identifier stands anywhere but in landing, drop and the centre's feedback.

One centre delivers all that goes wrong, with names in every place where a name can stand; its drop refuses us in
mid-run, so that a task fails for good and people are told. Then everything that the stack wrote is searched, also what
the other tests of this folder made it write: these tests come last (conftest).
"""

import base64
import io
import json
import os
import sqlite3
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

import pytest
from pydicom import dcmread

from collecte import catalogue
from collecte.transport import open_destination
from demo.airflow import Airflow, Run
from demo.deliveries import Patient, ct_slice, deposits, planted
from demo.search import Content, contents, search
from demo.stack import Stack
from tests.stack import faults
from tests.stack.faults import World

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(600)]

ELEONORE = Patient("TRÉGUIDEL^Éléonore", "L88042117", "19510327", "F")
BARNABE = Patient("QUERRIOUX^Barnabé", "L88055230", "19480113", "M")
#: Who stands nowhere but in names of folders, of archive members, in manifests and in tables.
OTHERS = ("NOMPAREIL", "ESCARBAGNASSE", "Évariste", "CHÂTELLERAULT", "VENTEJOUX", "Philomène", "2510386194037")

#: Zones that identify, and the logs of the servers that stand for hospitals. All else must be clean.
IDENTIFYING = {"landing", "sftp", "s3"}
THEIR_LOGS = {"s3.log", "sftp-arvel.log", "sftp-corvane.log", "sftp-host.log"}


@pytest.fixture(scope="module")
def words(worlds: Mapping[str, World]) -> Sequence[str]:
    """Every identifier planted in any drop of the stack."""
    patients = (ELEONORE, BARNABE, *faults.PATIENTS)
    return [*OTHERS, "QUERRIOU", *planted(deposits()), *(word for p in patients for word in faults.identifiers(p))]


@pytest.fixture(scope="module")
def collected(worlds: Mapping[str, World]) -> Sequence[Run]:
    """Deliveries in which all goes wrong, collected to the end, by way of a task that failed for good."""
    world = worlds["leaks"]
    world.lay("Lot Tréguidel Éléonore 3", _troubles())
    (world.drop / "Lot Tréguidel Éléonore 3" / "lien Querrioux.dcm").symlink_to("/etc/hostname")
    os.mkfifo(world.drop / "Lot Tréguidel Éléonore 3" / "tube Querrioux.dcm")
    world.lay("Envoi Nompareil", {"manifeste.csv": _broken_manifest(), "Nompareil.dcm": ct_slice(BARNABE, 20, 1)})
    half = world.drop / "En cours Escarbagnasse" / "Escarbagnasse.dcm.part"
    half.parent.mkdir()
    half.write_bytes(b"half")

    with Airflow(world.stack) as airflow:
        airflow.wait_for_dags({world.collect, world.ship})
        world.sftp.hold_after(2_000_000)
        run = airflow.trigger(world.collect)
        assert world.sftp.held.wait(300)
        world.sftp.lead_to(world.stack.ports["sftp-corvane"])  # another server, with another key
        (failed,) = airflow.wait([run], lambda said: None, 300)
        assert failed.state == "failed"
        world.sftp.lead_to(world.stack.ports["sftp-arvel"])
        airflow.clear(run, only_failed=True)
        shipped = airflow.wait_for_runs(world.ship, 2, 300)
        return airflow.wait([run, *shipped], lambda said: None, 300)


def _troubles() -> Mapping[str, bytes]:
    """What can be wrong with files, each with names in it and in what it is called."""
    files = {
        f"{patient.name.replace('^', ' ')}/IM{number:04d}": ct_slice(patient, study, number, size=256)
        for study, patient in enumerate((ELEONORE, BARNABE), 1)
        for number in range(1, 13)
    }
    whole = ct_slice(BARNABE, 11, 1)
    files["coupée Querrioux.dcm"] = whole[: len(whole) * 2 // 3]
    files["date Querrioux.dcm"] = whole.replace(BARNABE.born.encode(), b"QUERRIOU")
    files["pixels Tréguidel.dcm"] = _spaced(ct_slice(ELEONORE, 12, 1), "99")
    files["somme Tréguidel.dcm"] = ct_slice(ELEONORE, 13, 1)
    files["encore Tréguidel.dcm"] = files["TRÉGUIDEL Éléonore/IM0001"]
    files[os.fsdecode("Châtellerault.dcm".encode("latin-1"))] = ct_slice(BARNABE, 14, 1)
    files["compte rendu Querrioux.txt"] = "Vu ce jour M. Escarbagnasse Évariste".encode()
    good = _zip({"Nompareil/écho Ventejoux.dcm": ct_slice(BARNABE, 15, 1), "Nompareil/Philomène.dcm": b"Ventejoux"})
    files |= {"Nompareil.zip": good, "Nompareil coupé.zip": good[: len(good) // 2]}
    files["Nompareil abîmé.zip"] = good.replace(good[300:340], bytes(40), 1)
    files["Nompareil piège.zip"] = _zip({"../../Ventejoux.dcm": b"Ventejoux"})
    files["Nompareil.7z"] = b"7z\xbc\xaf\x27\x1cVentejoux" + bytes(100)
    files["clinique Ventejoux.csv"] = _table()
    files["clinique Philomène.csv"] = b"ipp;age\n" + b"\xff\xfe\0\0" + 'Philomène;"Ventejoux\n'.encode("utf-16-le")
    return files | {"SHA256SUMS": _sums(files)}


def _table() -> bytes:
    """Columns that nobody knows and a name, values in the wrong place, a social-security number in a comment."""
    rows = [
        "ipp;age;sexe;Ventejoux Philomène;date_examen;commentaire",
        f"{ELEONORE.ipp};75;F;Nompareil;27/03/2026;rien",
        f"{BARNABE.ipp};Querrioux;Barnabé;Nompareil;13 janvier Querrioux;NIR 2510386194037 chez Mme Ventejoux",
        "Escarbagnasse;12;F;x;y;z;un champ de trop: Évariste",
    ]
    return "\n".join(rows).encode()


def _sums(files: Mapping[str, bytes]) -> bytes:
    """A manifest with a wrong sum, a file that nobody sent, and lines that are none."""
    lines = [f"{faults.sha256(content)}  {path}" for path, content in files.items() if path.isascii()]
    lines += [f"{'0' * 64}  somme Tréguidel.dcm", f"{'1' * 64}  jamais envoyé Escarbagnasse.dcm"]
    lines += ["Bonjour, voici les images de M. Escarbagnasse Évariste", "12 Nompareil"]
    return "\n".join(lines).encode()


def _broken_manifest() -> bytes:
    return 'fichier;taille;sha256\n"Nompareil.dcm;douze;Escarbagnasse\n\0Évariste;;;;\n'.encode()


def _spaced(image: bytes, spacing: str) -> bytes:
    dataset = dcmread(io.BytesIO(image))
    dataset.PixelSpacing = [spacing, spacing]
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _zip(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _places(stack: Stack) -> list[Path]:
    """All that the stack wrote, but for the zones that identify: what comes to be written later is searched too."""
    logs = [path for path in (stack.state / "logs").iterdir() if path.name not in THEIR_LOGS]
    return [*(p for p in stack.state.iterdir() if p.name not in IDENTIFYING | {"logs"}), *logs]


def _shipped(world: World) -> Iterator[Content]:
    """Every key and object of the HDH bucket."""
    site = world.site()
    with open_destination(site.connect(site.challenge.hdh.connection), site.challenge.hdh.path) as destination:
        for key in destination.list_keys():
            yield f"bucket: {key}", (key.encode(), destination.read(key))


def test_all_went_wrong_as_planned_and_the_rest_went_on(collected: Sequence[Run], worlds: Mapping[str, World]) -> None:
    """Or the search below would be of little worth."""
    site = worlds["leaks"].site()
    with site.catalogue.read() as connection:
        rows = [site.delivery(label) for label in ("d0001", "d0002", "d0003")]
        found = Counter(f.code for row in rows for f in catalogue.findings_of(connection, row.id))

    assert {run.state for run in collected} == {"success"}
    expected = {
        *("MANIFEST-HASH-DIFFERS", "MANIFEST-FILE-ABSENT", "MANIFEST-LINE-UNREADABLE", "FILE-TYPE-UNKNOWN"),
        *("ARCHIVE-DAMAGED", "ARCHIVE-MEMBER-DAMAGED", "ARCHIVE-PATH-ESCAPE", "DROP-SYMLINK", "DROP-SPECIAL-FILE"),
        *("DICOM-TRUNCATED", "FILE-DUPLICATE", "QUALITY-SPACING-RANGE", "TABLE-IDENTIFIER-IN-TEXT"),
        "DELIVERY-WAITING-UPLOAD",
    }
    assert expected <= set(found)


def test_no_planted_identifier_stands_where_text_remains(
    collected: Sequence[Run], worlds: Mapping[str, World], words: Sequence[str]
) -> None:
    """Logs at DEBUG, components' output, Airflow's database, catalogue, curated zone, mails, reports, Data Docs."""
    assert list(search(words, contents(_places(worlds["leaks"].stack)))) == []


def test_no_planted_identifier_stands_in_the_bucket(
    collected: Sequence[Run], worlds: Mapping[str, World], words: Sequence[str]
) -> None:
    assert list(search(words, _shipped(worlds["leaks"]))) == []


def test_every_planted_identifier_is_found_where_it_belongs(
    collected: Sequence[Run], worlds: Mapping[str, World]
) -> None:
    """In the drop; so the search sees what is there. Only there birth dates stand in one form alone."""
    patients = (ELEONORE, BARNABE)
    words = {*OTHERS, "QUERRIOU", *(word for p in patients for word in faults.identifiers(p))}
    found = {line.rpartition(" ")[2] for line in search(words, contents([worlds["leaks"].drop]))}

    assert len(found) == len(words) - 2 * len(patients)


def test_no_secret_stands_in_logs_databases_mails_and_reports(running: Stack) -> None:
    state = running.state
    secrets = json.loads((state / "secrets.json").read_text("utf-8"))
    s3 = json.loads((state / "connections.json").read_text("utf-8"))["demo_hdh"]["password"]
    keys = json.loads((state / "keys" / "demo.json").read_text("utf-8"))
    words = [*secrets.values(), s3, *_texts(keys)]
    places = [state / "airflow" / "logs", state / "airflow" / "airflow.db", state / "logs", state / "mails"]
    places += [state / "reports", state / "catalogue.db", state / "curated"]

    assert list(search(words, contents(places))) == []


def _texts(value: object) -> Iterator[str]:
    """The texts in a JSON value that are long enough to be a key."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, str) and len(value) >= 20:
        yield value


@pytest.mark.parametrize(
    "written",
    [
        "Mme Tréguidel".encode(),
        "TRE\u0301GUIDEL".encode(),
        b"treguidel",
        "Tréguidel".encode("latin-1"),
        "TRÉGUIDEL".encode("utf-16-le"),
        json.dumps({"event": "Tréguidel"}).encode(),
        repr("Tréguidel".encode()).encode(),
        json.dumps(ascii("Tréguidel")).encode(),
        b"/depot/Tr%C3%A9guidel/IM0001",
        b"/depot/tr%e9guidel/IM0001",
        b"<td>Tr&eacute;guidel</td>",
        b"<td>Tr&#233;guidel</td>",
        b"=?utf-8?q?Tr=C3=A9guidel?=",
        base64.b64encode("Madame Tréguidel, née Ventejoux".encode()),
        "Tréguidel".encode().hex().upper().encode(),
    ],
)
def test_the_search_finds_a_name_in_a_log_however_it_is_written(tmp_path: Path, written: bytes) -> None:
    log = tmp_path / "attempt=1.log"
    log.write_bytes(b'{"event": "Received: 12 files."}\n' * 200_000 + written + b"\n")

    assert [line.partition(" holds ")[0] for line in search(["Tréguidel"], contents([tmp_path]))] == [str(log)]


def test_the_search_finds_a_name_in_a_database_a_mail_and_a_file_name(tmp_path: Path) -> None:
    database, mail, named = tmp_path / "airflow.db", tmp_path / "0001.eml", tmp_path / "Tréguidel.html"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE xcom (value BLOB)")
        connection.execute("INSERT INTO xcom VALUES (?)", [zlib.compress("Tréguidel ".encode() * 5000)])
    message = EmailMessage()
    message.set_content("Bonjour Madame Tréguidel, " * 20, charset="utf-8", cte="base64")
    mail.write_bytes(bytes(message))
    named.touch()

    found = [line.partition(" holds ")[0] for line in search(["Tréguidel"], contents([tmp_path]))]
    assert {f"{database} (table xcom)", f"{mail} (parts)", str(named)} <= set(found)


def test_digits_inside_a_digest_are_nobodys_birth_date() -> None:
    digest = faults.sha256(b"")
    assert list(search([digest[20:28]], [("digest", [digest.encode()])])) == []
    assert len(list(search(["19510327"], [("date", [b"born 19510327."])]))) == 1
