"""JSON as a package holds it: the same content gives the same bytes."""

import json


def as_json(content: object) -> bytes:
    """Sorted, indented, UTF-8, a newline at the end."""
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
