"""croissant.json (MLCommons Croissant 1.0): a record set for each table, among them the list of files."""

from datetime import datetime
from typing import Any

from collecte.opendata.contents import Column, Contents, TableInfo
from collecte.package import as_json

_TYPES = {"string": "TEXT", "integer": "INTEGER", "number": "FLOAT"}


def document(contents: Contents) -> bytes:
    import mlcroissant as mlc  # two seconds, only where a package is made

    context = mlc.Context()
    metadata = mlc.Metadata(
        ctx=context,
        name=contents.name,
        description=contents.description_en,
        url=contents.url,
        license=[contents.licence_url],
        version=f"{contents.version.removeprefix('v')}.0.0",
        date_published=datetime(contents.published, 1, 1),  # noqa: DTZ001  a day, which has no zone
        creators=[mlc.Organization(name=contents.society)],
        cite_as=f"{contents.society}. {contents.title_en} ({contents.version}). {contents.url}",
        distribution=[_file_object(mlc, context, table) for table in contents.tables],
        record_sets=[_record_set(mlc, context, table) for table in contents.tables],
    )
    return as_json(metadata.to_json())


def _file_object(mlc: Any, context: Any, table: TableInfo) -> Any:
    return mlc.FileObject(
        ctx=context,
        id=f"{table.name}.csv",
        name=f"{table.name}.csv",
        content_url=table.path,
        encoding_formats=["text/csv"],
        sha256=table.sha256,
        content_size=f"{table.size} B",
    )


def _record_set(mlc: Any, context: Any, table: TableInfo) -> Any:
    fields = [_field(mlc, context, table, column) for column in table.columns]
    return mlc.RecordSet(ctx=context, id=table.name, name=table.name, fields=fields)


def _field(mlc: Any, context: Any, table: TableInfo, column: Column) -> Any:
    source = mlc.Source(
        ctx=context, file_object=f"{table.name}.csv", extract=mlc.Extract(ctx=context, column=column.name)
    )
    return mlc.Field(
        ctx=context,
        id=f"{table.name}/{column.name}",
        name=column.name,
        data_types=[getattr(mlc.DataType, _TYPES[column.type])],
        source=source,
    )
