"""The documents of a package. A further metadata standard is a file beside this one and a line here."""

from collections.abc import Callable, Mapping

from collecte.opendata import card, citation, croissant, datacite, datapackage, landing, licence
from collecte.opendata.contents import Contents

#: Name in the package → what writes it. Each is a function of the contents alone.
DOCUMENTS: Mapping[str, Callable[[Contents], bytes]] = {
    "CITATION.cff": citation.document,
    "LICENSE": licence.document,
    "README.en.md": card.english,
    "README.fr.md": card.french,
    "croissant.json": croissant.document,
    "datacite.json": datacite.document,
    "datapackage.json": datapackage.document,
    "index.html": landing.document,
}
