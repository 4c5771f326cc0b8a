"""CITATION.cff (Citation File Format 1.2.0)."""

import yaml

from collecte.opendata.contents import Contents


def document(contents: Contents) -> bytes:
    return yaml.safe_dump(
        {
            "cff-version": "1.2.0",
            "type": "dataset",
            "message": "If you use these data, please cite them as below.",
            "title": f"{contents.title_en} ({contents.version})",
            "authors": [{"name": contents.society}],
            "version": contents.version,
            "license": contents.licence,
            "url": contents.url,
            "identifiers": [{"type": "other", "value": f"sha256:{contents.release}", "description": "the release"}],
        },
        sort_keys=False,
        allow_unicode=True,
    ).encode()
