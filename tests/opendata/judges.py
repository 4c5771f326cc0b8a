"""What others' tools say of a package: Croissant, Frictionless, BagIt, DataCite."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bagit
import mlcroissant
from datacite import schema45
from frictionless import Package


def require_standards(folder: Path) -> Mapping[str, list[Mapping[str, Any]]]:
    """Fail where one of the standards' own validators refuses the package; the records that Croissant loads, by set."""
    bagit.Bag(str(folder)).validate()
    schema45.validate(json.loads((folder / "datacite.json").read_bytes()))
    report = Package(str(folder / "datapackage.json")).validate()
    assert report.valid, report.flatten(["resourceName", "message"])
    return croissant_records(folder)


def croissant_records(folder: Path) -> Mapping[str, list[Mapping[str, Any]]]:
    """Every record of every record set, as ``mlcroissant`` loads them; its issues are failures."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of rdflib, beneath it
        dataset = mlcroissant.Dataset(str(folder / "croissant.json"))
        assert not dataset.metadata.ctx.issues.errors
        return {one.id: list(dataset.records(one.id)) for one in dataset.metadata.record_sets}
