"""A delivery that was to be coded holds a direct identifier: the contact is told, without the value."""

import json

from structlog.testing import capture_logs

from collecte import steps
from collecte_airflow import tasks
from demo.deliveries import MARCHEMALLE
from tests.journey.conftest import World
from tests.journey.drops import assert_sound, drop, ends, findings, image, images_in_bucket, lay, rewrite


def test_a_direct_identifier_in_a_coded_delivery_is_quarantined_and_the_contact_is_to_be_told(world: World) -> None:
    rewrite(world, "received_as: identifying", "received_as: coded")
    table = f"nom;label\n{MARCHEMALLE.name.partition('^')[0]};1\n".encode()
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1), "suivi.csv": table})
    command = world.command("run", "demo", "arvel")
    said, _ = command.communicate(timeout=120)
    assert command.returncode == 1

    site = world.site("arvel")
    assert ends(site)["lot/IM1"] == "quarantined: DICOM-DIRECT-IDENTIFIER-IN-CODED"
    assert ends(site)["lot/suivi.csv"] == "quarantined: TABLE-IDENTIFIER-IN-CODED"
    assert findings(site)["DICOM-DIRECT-IDENTIFIER-IN-CODED"] == 1
    assert images_in_bucket(world, "d0001") == []
    assert_sound(site)

    incident = steps.incident(site, "d0001")
    status = world.command("status", "demo", "arvel", "--json")
    shown, _ = status.communicate(timeout=60)
    assert json.loads(shown)[0]["incident"] == incident
    with capture_logs() as logged:
        tasks.tell_incident("d0001", incident)
    assert [line["log_level"] for line in logged] == ["warning"]
    for text in (" ".join(said.split()), incident, str(logged)):
        assert "Incident" in text
        assert "Tell Protection des données (fictive) <dpo@arvel.example>" in text
        assert "DICOM-DIRECT-IDENTIFIER-IN-CODED" in text
        for value in (*MARCHEMALLE.name.split("^"), MARCHEMALLE.ipp, MARCHEMALLE.born):
            assert value.casefold() not in text.casefold()


def test_an_identifying_delivery_is_no_incident(world: World) -> None:
    lay(drop(world) / "lot", {"IM1": image(MARCHEMALLE, 1)})
    site = world.site("arvel")
    (figures,) = steps.run(site)
    assert figures.incident == steps.incident(site, "d0001") == ""


def test_the_log_of_find_says_which_deliveries_wait_and_why(world: World) -> None:
    lay(drop(world) / "Marchemalle Odilon", {"IM1": image(MARCHEMALLE, 1)}, marker="")
    site = world.site("arvel")
    steps.find(site)
    with capture_logs() as logged:
        tasks.tell_waiting(steps.waiting(site))
    assert "d0001 waits: DELIVERY-WAITING-QUIET: " in str(logged)
    assert "marchemalle" not in str(logged).casefold()
