"""datapackage.json (Frictionless Data Package 1.0): every table with its columns, as CSV and as Parquet."""

from typing import Any

from collecte.opendata.contents import Contents, TableInfo
from collecte.package import as_json


def document(contents: Contents) -> bytes:
    resources = [resource for table in contents.tables for resource in _resources(table)]
    return as_json(
        {
            "name": contents.name,
            "title": contents.title_en,
            "description": contents.description_en,
            "version": contents.version,
            "homepage": contents.url,
            "licenses": [{"name": contents.licence, "path": contents.licence_url}],
            "profile": "data-package",
            "resources": resources,
        }
    )


def _resources(table: TableInfo) -> list[dict[str, Any]]:
    schema = {"fields": [{"name": column.name, "type": column.type} for column in table.columns]}
    name = table.name.replace("_", "-")
    return [
        {
            "name": name,
            "type": "table",
            "path": table.path,
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "bytes": table.size,
            "hash": f"sha256:{table.sha256}",
            "schema": schema,
        },
        {
            "name": f"{name}-parquet",
            "type": "table",
            "path": table.parquet,
            "format": "parquet",
            "mediatype": "application/vnd.apache.parquet",
            # no bytes: frictionless counts none of a Parquet file, and would refuse it
            "hash": f"sha256:{table.parquet_sha256}",
            "schema": schema,
        },
    ]
