"""index.html: the landing page, static, in one file, French first."""

from collecte.opendata.card import templates
from collecte.opendata.contents import Contents


def document(contents: Contents) -> bytes:
    return templates().get_template("landing.html.jinja").render(c=contents).encode()
