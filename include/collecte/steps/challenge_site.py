"""Where a challenge's own steps work: all centres together, with the keys, catalogue and zones."""

from dataclasses import dataclass
from pathlib import Path

from collecte.catalogue import Catalogue, DeliveryRow, PackageRow, package_by_label
from collecte.catalogue.packages import PackageKind
from collecte.challenge import Centre, Challenge, load
from collecte.keys import Keys
from collecte.settings import Settings
from collecte.steps.site import Connect, Site, load_keys, open_site
from collecte.transport import load_endpoint
from collecte.zones import zone_folder


@dataclass(frozen=True)
class ChallengeSite:
    """One challenge, and all that its own steps need. Zones are folders; ``vault`` is SECRET."""

    challenge: Challenge
    keys: Keys
    catalogue: Catalogue
    landing: Path
    curated: Path
    reports: Path
    release: Path
    vault: Path
    open: Path
    connect: Connect

    def centre(self, centre: Centre) -> Site:
        """The site of one of its centres."""
        return Site(
            self.challenge, centre, self.keys, self.catalogue, self.landing, self.curated, self.reports, self.connect
        )

    def package(self, kind: PackageKind, label: str) -> PackageRow:
        """The release or Open Data package ``v1``.

        Raises:
            NeedsPerson: there is none of that name.
        """
        with self.catalogue.read() as connection:
            return package_by_label(connection, self.challenge.id, kind, label)

    def folder(self, package: PackageRow) -> Path:
        """Where a package lies."""
        zone = self.release if package.kind == "release" else self.open
        return zone / self.challenge.id / package.label

    def hidden(self, package: PackageRow) -> Path:
        """Where what stays hidden of a package lies. SECRET."""
        own = self.vault / self.challenge.id
        return (own if package.kind == "release" else own / package.kind) / package.label

    def reported(self) -> Path:
        """The folder of the challenge's own reports: homogeneity, certificates, recalls."""
        return self.reports / self.challenge.id / "_challenge"

    def batch(self, centre_id: str, delivery: DeliveryRow) -> Path:
        """A delivery's batch in curated."""
        return self.curated / self.challenge.id / centre_id / delivery.label

    def facts(self, centre_id: str, delivery: DeliveryRow) -> Path:
        """The facts of a delivery's accepted files, as Parquet."""
        return facts_folder(self.curated, self.challenge.id, centre_id, delivery.label)


def facts_folder(curated: Path, challenge_id: str, centre_id: str, label: str) -> Path:
    """Where *accept* puts the facts of a batch: partitioned as Hive names it. Ids begin with a letter, so that no
    challenge is called ``_facts``.
    """
    return curated / "_facts" / f"challenge={challenge_id}" / f"centre={centre_id}" / f"delivery={label}"


def open_challenge(
    challenge_id: str, settings: Settings | None = None, connect: Connect | None = None
) -> ChallengeSite:
    """The site of a challenge, from the settings of this process.

    Raises:
        NeedsPerson: the challenge file is broken or absent, or its keys or the catalogue cannot be had.
    """
    settings = settings or Settings.from_environment()
    reach = connect or (lambda connection_id: load_endpoint(connection_id, settings))
    challenge = load(settings.challenges / f"{challenge_id}.yaml")
    first = open_site(challenge_id, challenge.centres[0].id, settings, connect)
    return ChallengeSite(
        challenge,
        load_keys(challenge.keys, reach),
        first.catalogue,
        first.landing,
        first.curated,
        first.reports,
        zone_folder(settings.release, "COLLECTE_RELEASE"),
        zone_folder(settings.vault, "COLLECTE_VAULT"),
        zone_folder(settings.open, "COLLECTE_OPEN"),
        reach,
    )
