"""datacite.json (DataCite Metadata Schema 4.5), checked against the schema as it is written."""

from typing import Any

from collecte.errors import Bug
from collecte.opendata.contents import Contents
from collecte.package import as_json


def metadata(contents: Contents) -> dict[str, Any]:
    """The metadata of the package. It has no DOI yet: the registry gives it one."""
    return {
        "schemaVersion": "http://datacite.org/schema/kernel-4",
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": "Medical data challenge"},
        "alternateIdentifiers": [{"alternateIdentifier": contents.name, "alternateIdentifierType": "Collecte"}],
        "creators": [{"name": contents.society, "nameType": "Organizational"}],
        "titles": [{"title": contents.title_en, "lang": "en"}, {"title": contents.title_fr, "lang": "fr"}],
        "publisher": {"name": contents.publisher},
        "publicationYear": str(contents.published),
        "version": contents.version,
        "rightsList": [
            {
                "rights": contents.licence,
                "rightsUri": contents.licence_url,
                "rightsIdentifier": contents.licence,
                "rightsIdentifierScheme": "SPDX",
                "schemeUri": "https://spdx.org/licenses/",
            }
        ],
        "descriptions": [
            {"description": contents.description_en, "descriptionType": "Abstract", "lang": "en"},
            {"description": f"Ethics: {contents.ethics}", "descriptionType": "Other", "lang": "en"},
        ],
        "sizes": [f"{contents.files} files", f"{contents.bytes} bytes"],
        "formats": ["application/dicom", "text/csv", "application/vnd.apache.parquet"],
    }


def document(contents: Contents) -> bytes:
    """The document.

    Raises:
        Bug: it does not meet the schema.
    """
    from datacite import schema45  # jsonschema and its registry: only where a package is made

    found = metadata(contents)
    if errors := [error.message for error in schema45.validator.iter_errors(found)]:
        raise Bug(f"datacite.json does not meet DataCite's schema 4.5: {errors[0]}")
    return as_json(found)
