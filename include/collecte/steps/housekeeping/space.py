"""Is there room for the next night? Asked once for the installation."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from collecte.catalogue import open_catalogue
from collecte.catalogue.housekeeping import largest_delivery
from collecte.findings import Finding
from collecte.settings import Settings
from collecte.steps.find import RECEIVE_BYTES
from collecte.steps.housekeeping.done import Done, Notice
from collecte.zones import zone_folder

#: Landing holds what came, its members unpacked and its safe copies; curated links to those, or copies them.
_TIMES = 2
#: Reports are pages of text.
_REPORTS_BYTES = 1_000_000_000
_GB = 1e9


def space(settings: Settings | None = None) -> Done:
    """Free space of each zone against twice the largest delivery until now (one shard at least); what falls short.

    Raises:
        NeedsPerson: a zone's setting is no ``file://`` URL.
    """
    settings = settings or Settings.from_environment()
    with open_catalogue(settings.catalogue).read() as connection:
        needed = _TIMES * max(largest_delivery(connection), RECEIVE_BYTES)
    zones = (
        ("landing", zone_folder(settings.landing, "COLLECTE_LANDING"), needed),
        ("curated", zone_folder(settings.curated, "COLLECTE_CURATED"), needed),
        ("reports", zone_folder(settings.reports, "COLLECTE_REPORTS"), _REPORTS_BYTES),
    )
    counts: dict[str, int] = {}
    notices: list[Notice] = []
    for name, folder, least in zones:
        counts[f"{name}_free_gb"] = round(_free(folder) / _GB)
        notices += _short(name, _free(folder), least)
    return Done({**counts, "warnings": len(notices)}, tuple(notices))


def _free(folder: Path) -> int:
    """Bytes free on the disk that a zone is, or will be, on."""
    place = next(here for here in (folder, *folder.parents) if here.exists())
    return shutil.disk_usage(place).free if os.access(place, os.R_OK) else 0


def _short(name: str, free: int, least: int) -> Iterator[Notice]:
    if free < least:
        values = {"zone": name, "free": f"{free / _GB:.1f}", "needed": f"{least / _GB:.1f}"}
        yield Notice(name, Finding("ZONE-SPACE-SHORT", values=values))
