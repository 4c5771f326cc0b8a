"""A correction takes the place of what it corrects by logical identity, and never by a bare name."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from pydicom import dcmread

from collecte import steps
from collecte.errors import Retry
from demo.deliveries import ESTRUGAMOU, MARCHEMALLE, Patient
from tests.journey.conftest import World
from tests.journey.drops import (
    assert_sound,
    bucket,
    by_delivery,
    drop,
    ends,
    findings,
    image,
    images_in_bucket,
    lay,
    rewrite,
)


def test_the_same_image_in_a_later_delivery_supersedes_the_earlier_one(world: World) -> None:
    lay(drop(world) / "lot 1", {"IM0001": image(MARCHEMALLE, 1), "IM0002": image(MARCHEMALLE, 2)})
    steps.run(world.site("arvel"))
    lay(drop(world) / "lot 2", {"corrige.dcm": image(MARCHEMALLE, 1, size=18)})
    site = world.site("arvel")
    steps.run(site)
    assert ends(site) == {
        "lot 1/IM0001": "superseded: FILE-SUPERSEDED",
        "lot 1/IM0002": "accepted",
        "lot 2/corrige.dcm": "accepted",
    }
    assert len(images_in_bucket(world, "d0002")) == 1
    assert_sound(site)


def test_what_was_corrected_before_it_was_shipped_is_not_shipped(world: World) -> None:
    lay(drop(world) / "lot 1", {"IM0001": image(MARCHEMALLE, 1), "IM0002": image(MARCHEMALLE, 2)})
    lay(drop(world) / "lot 2", {"IM0003": image(MARCHEMALLE, 1, size=18)})
    site = world.site("arvel")
    steps.run(site)
    assert ends(site)["lot 1/IM0001"] == "superseded: FILE-SUPERSEDED"
    assert len(images_in_bucket(world, "d0001")) == len(images_in_bucket(world, "d0002")) == 1
    assert_sound(site)


def test_the_order_in_which_deliveries_are_accepted_decides_nothing(world: World) -> None:
    lay(drop(world) / "lot 1", {"IM0001": image(MARCHEMALLE, 1)})
    lay(drop(world) / "lot 2", {"IM0001": image(MARCHEMALLE, 1, size=18)})
    site = world.site("arvel")
    labels = _up_to_accept(site)
    for label in reversed(labels):
        steps.accept(site, label)
    assert ends(site) == {"lot 1/IM0001": "superseded: FILE-SUPERSEDED", "lot 2/IM0001": "accepted"}


def test_a_bare_name_that_recurs_corrects_nothing(world: World) -> None:
    lay(drop(world) / "lot 1", {"IM0001": image(MARCHEMALLE, 1)})
    lay(drop(world) / "lot 2", {"IM0001": image(ESTRUGAMOU, 1)})
    site = world.site("arvel")
    steps.run(site)
    assert set(ends(site).values()) == {"accepted"}


def test_another_image_under_the_same_path_of_the_same_folder_is_a_correction(world: World) -> None:
    lay(drop(world) / "lot 1", {"IM0001": image(MARCHEMALLE, 1)})
    site = world.site("arvel")
    steps.run(site)
    lay(drop(world) / "lot 1", {"IM0001": image(MARCHEMALLE, 2, size=18)})
    steps.run(site)
    assert by_delivery(site) == {"d0001": {"superseded": 1}, "d0002": {"accepted": 1}}
    assert_sound(site)


def test_a_corrected_table_takes_the_place_of_the_refused_one_in_its_own_folder_alone(world: World) -> None:
    def table(comment: str) -> bytes:
        return f"ipp;fichier;label;commentaire\n{MARCHEMALLE.ipp};IM1;1;{comment}\n".encode()

    lay(drop(world) / "lot 1", {"IM1": image(MARCHEMALLE, 1), "suivi.csv": table(MARCHEMALLE.name.replace("^", " "))})
    site = world.site("arvel")
    steps.run(site)
    lay(drop(world) / "lot 2", {"suivi.csv": table("contrôle à 6 mois")})
    steps.run(site)
    assert ends(site)["lot 1/suivi.csv"] == "quarantined: RESIDUAL-NAME"
    lay(drop(world) / "lot 1", {"suivi.csv": table("contrôle")})
    steps.run(site)
    assert by_delivery(site)["d0001"] == {"accepted": 1, "superseded": 1}
    assert by_delivery(site)["d0003"] == {"accepted": 1}


def test_a_manifest_may_say_what_a_file_replaces(world: World) -> None:
    lay(drop(world) / "lot 1", {"IM0001": image(MARCHEMALLE, 1), "IM0002": image(MARCHEMALLE, 2)})
    site = world.site("arvel")
    steps.run(site)
    better = image(MARCHEMALLE, 3)
    sums = f"fichier;sha256;remplace\nIM0009;{hashlib.sha256(better).hexdigest()};lot 1/IM0001\n"
    lay(drop(world) / "lot 2", {"IM0009": better, "manifeste.csv": sums.encode()})
    steps.run(site)
    assert ends(site)["lot 1/IM0001"] == "superseded: FILE-SUPERSEDED"
    assert ends(site)["lot 1/IM0002"] == ends(site)["lot 2/IM0009"] == "accepted"


def _as(content: bytes, patient: Patient) -> bytes:
    """The same object, of another patient."""
    dataset = dcmread(BytesIO(content))
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = patient.name, patient.ipp, patient.born
    written = BytesIO()
    dataset.save_as(written)
    return written.getvalue()


def test_of_two_versions_in_one_delivery_one_is_sent_on_and_the_other_says_so(world: World) -> None:
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1), "IM1 bis": image(MARCHEMALLE, 1, size=18)})
    site = world.site("arvel")
    steps.run(site)
    assert sorted(ends(site).values()) == ["accepted", "superseded: FILE-TWO-VERSIONS"]
    assert findings(site)["FILE-TWO-VERSIONS"] == 1
    assert len(images_in_bucket(world, "d0001")) == 1
    assert_sound(site)


def test_one_object_of_two_patients_goes_nowhere_until_somebody_says_whose_it_is(world: World) -> None:
    one = image(MARCHEMALLE, 1)
    other = _as(one, ESTRUGAMOU)
    lay(drop(world) / "lot 1", {"IM1": one, "IM2": image(MARCHEMALLE, 2)})
    site = world.site("arvel")
    steps.run(site)
    lay(drop(world) / "lot 2", {"IM1": other, "IM3": image(ESTRUGAMOU, 3)})
    steps.run(site)
    assert ends(site) == {
        "lot 1/IM1": "accepted",
        "lot 1/IM2": "accepted",
        "lot 2/IM1": "quarantined: FILE-OF-TWO-SUBJECTS",
        "lot 2/IM3": "accepted",
    }
    sums = f"fichier;sha256;remplace\nIM1;{hashlib.sha256(other).hexdigest()};lot 1/IM1\n"
    lay(drop(world) / "lot 3", {"IM1": other, "manifeste.csv": sums.encode()})
    steps.run(site)
    assert ends(site)["lot 3/IM1"] == "accepted"
    assert ends(site)["lot 1/IM1"] == "superseded: FILE-SUPERSEDED"
    assert_sound(site)


@pytest.mark.parametrize("reverse", [False, True])
def test_one_object_of_two_patients_in_two_deliveries_stays_with_the_one_accepted_first(
    world: World, reverse: bool
) -> None:
    one = image(MARCHEMALLE, 1)
    lay(drop(world) / "lot 1", {"IM1": one})
    lay(drop(world) / "lot 2", {"IM1": _as(one, ESTRUGAMOU)})
    site = world.site("arvel")
    first, last = sorted(_up_to_accept(site), reverse=reverse)
    lots = {"d0001": "lot 1/IM1", "d0002": "lot 2/IM1"}
    steps.accept(site, first)
    assert ends(site) == {lots[first]: "accepted", lots[last]: "waiting"}
    steps.accept(site, last)
    assert ends(site) == {lots[first]: "accepted", lots[last]: "quarantined: FILE-OF-TWO-SUBJECTS"}
    assert findings(site, last)["FILE-OF-TWO-SUBJECTS"] == 1
    assert_sound(site)


def test_one_object_of_two_patients_in_one_delivery_holds_both_back_with_their_series(world: World) -> None:
    rewrite(world, "refused_file: holds_itself", "refused_file: holds_object")
    one = image(MARCHEMALLE, 1)
    files = {"IM1": one, "IM2": _as(one, ESTRUGAMOU), "IM3": image(MARCHEMALLE, 2), "IM4": image(ESTRUGAMOU, 1)}
    lay(drop(world) / "lot", files)
    site = world.site("arvel")
    steps.run(site)
    assert ends(site) == {
        "lot/IM1": "quarantined: FILE-OF-TWO-SUBJECTS",
        "lot/IM2": "quarantined: FILE-OF-TWO-SUBJECTS",
        "lot/IM3": "quarantined: OBJECT-HELD-BACK",
        "lot/IM4": "accepted",
    }
    assert_sound(site)


def test_a_refused_correction_takes_nobodys_place(world: World) -> None:
    lay(drop(world) / "lot 1", {"IM0001": image(MARCHEMALLE, 1)})
    lay(drop(world) / "lot 2", {"IM0001": image(MARCHEMALLE, 1, size=18)[:-100]})
    site = world.site("arvel")
    steps.run(site)
    assert ends(site) == {"lot 1/IM0001": "accepted", "lot 2/IM0001": "quarantined: DICOM-TRUNCATED"}


def test_a_refused_file_holds_its_whole_series_back(world: World) -> None:
    rewrite(world, "refused_file: holds_itself", "refused_file: holds_object")
    series = {f"IM{n}": image(MARCHEMALLE, n) for n in (1, 2)} | {"IM3": image(MARCHEMALLE, 3)[:-100]}
    lay(drop(world) / "lot 1", series | {"other": image(ESTRUGAMOU, 1)})
    site = world.site("arvel")
    steps.run(site)
    assert ends(site) == {
        "lot 1/IM1": "quarantined: OBJECT-HELD-BACK",
        "lot 1/IM2": "quarantined: OBJECT-HELD-BACK",
        "lot 1/IM3": "quarantined: DICOM-TRUNCATED",
        "lot 1/other": "accepted",
    }
    assert findings(site)["OBJECT-HELD-BACK"] == 2
    assert len(images_in_bucket(world, "d0001")) == 1


def test_what_is_held_back_takes_nobodys_place_and_what_was_corrected_holds_nothing_back(world: World) -> None:
    rewrite(world, "refused_file: holds_itself", "refused_file: holds_object")
    lay(drop(world) / "lot 1", {"IM1": image(MARCHEMALLE, 1)})
    broken = {"IM1": image(MARCHEMALLE, 1, size=18), "IM2": image(MARCHEMALLE, 2)[:-100]}
    lay(drop(world) / "lot 2", broken)
    site = world.site("arvel")
    steps.run(site)
    assert ends(site)["lot 1/IM1"] == "accepted"
    assert ends(site)["lot 2/IM1"] == "quarantined: OBJECT-HELD-BACK"

    lay(drop(world) / "lot 3", {"IM1": image(MARCHEMALLE, 1, size=20), "IM2": image(MARCHEMALLE, 2)})
    steps.run(site)
    assert by_delivery(site) == {"d0001": {"superseded": 1}, "d0002": {"superseded": 2}, "d0003": {"accepted": 2}}
    assert_sound(site)


def test_a_refused_file_whose_correction_lies_beside_it_holds_nothing_back(world: World) -> None:
    rewrite(world, "refused_file: holds_itself", "refused_file: holds_object")
    series = {"IM1": image(MARCHEMALLE, 1), "IM2": image(MARCHEMALLE, 2)[:-100], "IM2 bis": image(MARCHEMALLE, 2)}
    lay(drop(world) / "lot", series)
    site = world.site("arvel")
    steps.run(site)
    assert ends(site) == {
        "lot/IM1": "accepted",
        "lot/IM2": "superseded: FILE-SUPERSEDED",
        "lot/IM2 bis": "accepted",
    }
    assert_sound(site)


def test_of_two_deliveries_accepted_at_once_one_gives_way(world: World) -> None:
    lay(drop(world) / "lot 1", {"IM0001": image(MARCHEMALLE, 1)})
    lay(drop(world) / "lot 2", {"IM0001": image(MARCHEMALLE, 1, size=18)})
    labels = _up_to_accept(world.site("arvel"))
    with ThreadPoolExecutor(len(labels)) as pool:
        tried = list(pool.map(lambda label: _accepted(world, label), labels))
    assert any(tried)
    site = world.site("arvel")
    for label in labels:
        steps.accept(site, label)
    assert ends(site) == {"lot 1/IM0001": "superseded: FILE-SUPERSEDED", "lot 2/IM0001": "accepted"}
    assert_sound(site)


@pytest.mark.parametrize("whole", [True, False])
def test_the_same_bytes_again_are_a_duplicate_but_of_a_refused_file_are_judged_anew(world: World, whole: bool) -> None:
    content = image(MARCHEMALLE, 1)
    said = hashlib.sha256(content if whole else b"something else").hexdigest()
    lay(drop(world) / "lot 1", {"IM1": content, "SHA256SUMS": f"{said}  IM1\n".encode()})
    site = world.site("arvel")
    steps.run(site)
    lay(drop(world) / "lot 2", {"IM7": content})
    steps.run(site)
    first, second = ends(site)["lot 1/IM1"], ends(site)["lot 2/IM7"]
    if whole:
        assert (first, second) == ("accepted", "duplicate: FILE-DUPLICATE")
    else:
        assert (first, second) == ("quarantined: MANIFEST-HASH-DIFFERS", "accepted")
    assert len([key for key in bucket(world) if key.endswith(".dcm")]) == 1
    assert_sound(site)


def test_the_same_bytes_at_two_centres_are_a_duplicate_with_a_finding(world: World) -> None:
    for centre in ("arvel", "corvane"):
        lay(drop(world, centre) / "lot", {"IM1": image(MARCHEMALLE, 1)})
        steps.run(world.site(centre))
    assert ends(world.site("arvel")) == {"lot/IM1": "accepted"}
    assert ends(world.site("corvane")) == {"lot/IM1": "duplicate: FILE-DUPLICATE-OTHER-CENTRE"}
    assert findings(world.site("corvane"))["FILE-DUPLICATE-OTHER-CENTRE"] == 1
    assert_sound(world.site("corvane"))


def _accepted(world: World, label: str) -> bool:
    """Whether it was; False where it is to be tried again."""
    try:
        steps.accept(world.site("arvel"), label)
    except Retry:
        return False
    return True


def _up_to_accept(site: steps.Site) -> list[str]:
    found = steps.find(site)
    labels = sorted({ref.shard.partition("/")[0] for ref in found})
    for ref in found:
        steps.receive(site, ref.shard)
    for ref in steps.unpack(site, labels):
        steps.harvest(site, ref.shard)
    for ref in steps.group(site, labels):
        steps.make_safe(site, ref.shard)
    for ref in steps.describe_shards(site, labels):
        steps.describe(site, ref.shard)
    for label in labels:
        steps.validate(site, label)
    return labels


def test_a_table_that_names_a_duplicate_names_the_copy_of_the_first(world: World) -> None:
    lay(drop(world) / "lot 1", {"IM1": image(MARCHEMALLE, 1)})
    links = b"fichier;qualite\nIM7;2\nencore/IM8;1\n"
    files = {"IM7": image(MARCHEMALLE, 1), "IM2": image(MARCHEMALLE, 2), "encore/IM8": image(MARCHEMALLE, 2)}
    lay(drop(world) / "lot 2", {**files, "liens.csv": links})
    site = world.site("arvel")
    steps.run(site)
    batches = {label: site.batch(site.delivery(label)) for label in ("d0001", "d0002")}
    (first,), (second,) = ({p.relative_to(at).as_posix() for p in at.rglob("*.dcm")} for at in batches.values())
    (table,) = batches["d0002"].rglob("*.csv")
    assert [line.split(",")[0] for line in table.read_text("utf-8").splitlines()[1:]] == [first, second]
    assert_sound(site)
