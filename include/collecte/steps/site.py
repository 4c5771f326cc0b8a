"""Where a step works: one centre of one challenge, with its keys, catalogue, zones and connections."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from collecte.catalogue import Catalogue, DeliveryRow, delivery_by_label, ensure_centre, open_catalogue
from collecte.challenge import Centre, Challenge, KeysReference, load
from collecte.errors import NeedsPerson
from collecte.formats import Context, nowhere
from collecte.keys import Keys
from collecte.settings import Settings
from collecte.steps.pseudonyms import pseudonyms_of
from collecte.transport import Endpoint, load_endpoint
from collecte.zones import zone_folder

Connect = Callable[[str], Endpoint]


@dataclass(frozen=True)
class Site:
    """One centre of one challenge, and all that a step needs. ``landing`` and ``curated`` are the zones' folders,
    ``reports`` is that of the coordinators' reports."""

    challenge: Challenge
    centre: Centre
    keys: Keys
    catalogue: Catalogue
    landing: Path
    curated: Path
    reports: Path
    connect: Connect

    def context(self, reference: Callable[[str], str | None] = nowhere) -> Context:
        """What the formats may know here."""
        challenge, centre = self.challenge, self.centre
        return Context(challenge, centre, pseudonyms_of(challenge, centre, self.keys), reference)

    def received(self, delivery: DeliveryRow) -> Path:
        """The delivery's folder in landing. IDENTIFYING."""
        return self.landing / self.challenge.id / self.centre.id / delivery.label

    def batch(self, delivery: DeliveryRow) -> Path:
        """The delivery's batch in curated."""
        return self.curated / self.challenge.id / self.centre.id / delivery.label

    def reported(self, delivery: DeliveryRow) -> Path:
        """The folder of the delivery's reports: they name no patient and no file of the centre."""
        return self.reports / self.challenge.id / self.centre.id / delivery.label

    def delivery(self, label: str) -> DeliveryRow:
        """The delivery ``d0001``.

        Raises:
            NeedsPerson: the catalogue has none of that name.
        """
        with self.catalogue.transaction() as connection:
            centre_id = ensure_centre(connection, self.challenge.id, self.centre.id)
            return delivery_by_label(connection, centre_id, label)


def open_site(
    challenge_id: str, centre_id: str, settings: Settings | None = None, connect: Connect | None = None
) -> Site:
    """The site of a centre, from the settings of this process.

    Raises:
        NeedsPerson: the challenge file is broken or absent, names no such centre, or its keys or the catalogue cannot
        be had.
    """
    settings = settings or Settings.from_environment()
    reach = connect or (lambda connection_id: load_endpoint(connection_id, settings))
    challenge = load(settings.challenges / f"{challenge_id}.yaml")
    try:
        centre = challenge.centre(centre_id)
    except KeyError:
        known = ", ".join(centre.id for centre in challenge.centres)
        raise NeedsPerson(
            f"Challenge {challenge_id} has no centre {centre_id}.", f"name one of its centres: {known}."
        ) from None
    return Site(
        challenge,
        centre,
        load_keys(challenge.keys, reach),
        open_catalogue(settings.catalogue),
        zone_folder(settings.landing, "COLLECTE_LANDING"),
        zone_folder(settings.curated, "COLLECTE_CURATED"),
        zone_folder(settings.reports, "COLLECTE_REPORTS"),
        reach,
    )


def load_keys(reference: KeysReference, connect: Connect) -> Keys:
    """A challenge's keys, from where its file says they are.

    Raises:
        NeedsPerson: the variable is unset, or there are no keys of ours in that place.
    """
    if reference.connection is not None:
        return Keys.parse(connect(reference.connection).password or "", f"connection {reference.connection}")
    path = reference.file
    if reference.env is not None:
        value = os.environ.get(reference.env)
        if not value:
            raise NeedsPerson(
                f"The environment variable {reference.env} is not set.",
                "set it to the path of the challenge's key file.",
            )
        path = Path(value)
    return Keys.load(path or Path())
