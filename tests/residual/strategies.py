"""French patients who do not exist, and the ways in which programs write them down."""

import unicodedata
from datetime import date

from hypothesis import strategies as st

from collecte.pseudonym import is_placeholder
from collecte.records import Identifier, IdentifierKind

LAST_NAMES = (
    "DUPONT", "Lefèbvre", "LE GOFF", "D'ALMEIDA", "Ængström", "GUÉRIN-MÉNEVILLE", "Lebœuf", "NGUYEN", "PETIT", "ROUX",
    "Saint-Exupéry", "MÜLLER", "Çelik", "Ñuñez", "O'Brien", "Trân", "BEN YOUSSEF", "Noël", "Lhuîtrê", "QUÉRÉ",
)  # fmt: skip
FIRST_NAMES = (
    "Jean-Noël",
    "Léa",
    "Zoé",
    "Hélène",
    "François",
    "Anaïs",
    "Maëlys",
    "Ousmane",
    "Loïc",
    "Eléonore",
    "Éric",
)

last_names = st.sampled_from(LAST_NAMES)
first_names = st.sampled_from(FIRST_NAMES)
person_names = st.builds(
    lambda last, first: Identifier(IdentifierKind.NAME, f"{last}^{first}"), last_names, first_names
)

#: IPP: eight to ten digits, or letters and digits; none that only fills its field (99999999).
ipps = st.one_of(
    st.integers(10_000_000, 9_999_999_999).map(str),
    st.builds(
        lambda letters, number: f"{letters}{number:06d}", st.sampled_from(("P", "IPP", "HX")), st.integers(1, 999_999)
    ),
).filter(lambda ipp: not is_placeholder(ipp))

birth_dates = st.dates(date(1910, 1, 1), date(2024, 12, 31))


def nir(sex: int, year: int, month: int, department: str, rest: int) -> str:
    """A NIR with its key (97 minus the rest by 97; Corsica's 2A and 2B count as 19 and 18)."""
    first = f"{sex}{year:02d}{month:02d}{department}{rest:06d}"
    number = int(first.replace("2A", "19").replace("2B", "18"))
    return f"{first}{97 - number % 97:02d}"


nirs = st.builds(
    nir,
    st.integers(1, 2),
    st.integers(0, 99),
    st.integers(1, 12),
    st.sampled_from(("75", "2A", "2B", "69", "13", "99")),
    st.integers(1001, 999_999),
)

phones = st.builds(
    lambda first, pairs, gap, prefix: prefix + str(first) + gap + gap.join(f"{pair:02d}" for pair in pairs),
    st.integers(1, 9),
    st.lists(st.integers(0, 99), min_size=4, max_size=4),
    st.sampled_from(("", " ", ".", "-")),
    st.sampled_from(("0", "+33", "+33 ", "0033", "0033 ", "+33 (0)")),
)


def _cases(text: str) -> tuple[str, ...]:
    return text, text.upper(), text.lower(), text.title()


def _plain(text: str) -> str:
    letters = text.replace("œ", "oe").replace("Œ", "OE").replace("Æ", "AE").replace("æ", "ae")
    return "".join(c for c in unicodedata.normalize("NFD", letters) if not unicodedata.combining(c))


@st.composite
def written(draw: st.DrawFn, text: str) -> bytes:
    """A text in some case, with or without its accents, in some encoding."""
    text = draw(st.sampled_from(_cases(text)))
    if draw(st.booleans()):
        text = _plain(text)
    encoding = draw(st.sampled_from(("utf-8", "cp1252", "utf-16-le", "utf-16-be", "nfd", "nfd-16")))
    if encoding.startswith("nfd"):
        return unicodedata.normalize("NFD", text).encode("utf-8" if encoding == "nfd" else "utf-16-le")
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:  # a letter that Windows-1252 has not
        return text.encode("utf-8")
