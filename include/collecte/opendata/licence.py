"""LICENSE: the licence by its SPDX id, and where its text stands."""

from collecte.opendata.contents import Contents


def is_spdx(text: str) -> bool:
    """Whether a text is one licence of the SPDX list, by its id."""
    from license_expression import get_spdx_licensing  # reads the whole list

    found = get_spdx_licensing().validate(text)
    return not found.errors and text in get_spdx_licensing().known_symbols


def document(contents: Contents) -> bytes:
    return f"SPDX-License-Identifier: {contents.licence}\n\n{contents.licence_url}\n".encode()
