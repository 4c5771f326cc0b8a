"""Identifying strings that look real and stand in one place each, so that a leak tells where it came from.

A family name is put together from parts, so that it is no word of any vocabulary: 17,576 before one comes twice.
"""

import base64
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta


def words(text: str) -> tuple[str, ...]:
    """The words of a paragraph."""
    return tuple(text.split())


_STARTS = words("""
Ker Tre Lan Pen Plou Gou Ros Coat Beau Mont Roque Cham Chante Four Bré Vau Sau Mar Gui Bou Cas Des Haute Ville Châte Fré
""")
_MIDDLES = words("""
ver lan gué bar mor quil dré zan fou jou nev cas hué tré bel gor mal pru ris sal té vil wen xin yvo zel
""")
_ENDS = words("""
dec doux quet mard noux vial rel teau zec lé gnac hault velle guin peyre court lieux meur bihan droz font gier joux
kreiz lhac mieux
""")
_FIRST = words("""
Hélène Mathilde Gwenaëlle Théophile Clémentine Barthélemy Solène Anaïs Maëlys Éléonore Guénolé Apolline Zéphyrin
Ludivine Hyacinthe Léopoldine
""")

#: Dates stand 401 days apart, so that no date shifted by up to 365 days and a bit becomes another planted one.
_FIRST_DATE = date(1931, 2, 17)
DATES = 84


@dataclass(frozen=True)
class Needle:
    """What is looked for: ``text`` folded (see :func:`folded`), or digits alone, or a UID; of kind ``bytes``, bytes as
    letters of Latin-1. ``day``: what day it says, as YYYYMMDD: it is looked for in other writings, too.
    """

    text: str
    kind: str
    day: str = ""


@dataclass(frozen=True)
class Planted:
    """One string in one place of one file. ``text`` as it was written; ``needles``: each alone is a leak."""

    place: str
    text: str
    needles: tuple[Needle, ...]


#: Marks that are put on letters: accents, vowel points.
_MARKS = re.compile("[" + "".join(c for c in map(chr, range(0x10000)) if unicodedata.combining(c)) + "]+")


def folded(text: str) -> str:
    """Without case and accents; other alphabets stay."""
    return _MARKS.sub("", unicodedata.normalize("NFKD", text)).casefold()


class Strings:
    """The strings of one corpus; ``file`` numbers the file that they are for."""

    def __init__(self) -> None:
        self._count = 0
        self._digits = 10_000_000
        self._dates = 0
        self._uids = 0

    def surname(self) -> str:
        """A family name that no other place has."""
        number = self._count * 7919 % (26**3)
        self._count += 1
        return _STARTS[number % 26] + _MIDDLES[number // 26 % 26] + _ENDS[number // 676]

    def digits(self, length: int) -> str:
        """A number that no other place has, of 8 digits and more."""
        self._digits += 1
        tail = f"{self._digits * 48_271 % 99_999_989:08d}"
        return ("8" * 32 + tail)[-length:] if length > 8 else tail

    def day(self) -> date:
        """A day, one of :data:`DATES`; the next is 401 days later."""
        self._dates += 1
        return _FIRST_DATE + timedelta(days=401 * (self._dates % DATES))

    def uid(self, place: str) -> Planted:
        """A UID of an invented hospital's machine."""
        self._uids += 1
        text = f"1.3.46.670589.77.2.{7_000_000 + self._uids * 13}.{20_000 + self._uids}"
        return Planted(place, text, (Needle(text, "uid"),))

    def date(self, place: str, tail: str = "") -> Planted:
        """A date as DICOM writes it; ``tail``: what follows in a DT."""
        text = f"{self.day():%Y%m%d}"
        return Planted(place, text + tail, (Needle(text, "date", day=text),))

    def person(self, place: str) -> Planted:
        """A value of VR PN."""
        name = self.surname()
        first = _FIRST[self._count % len(_FIRST)]
        return Planted(place, f"{name}^{first}", (Needle(folded(name), "name"), Needle(folded(first), "first")))

    def short(self, place: str, length: int = 16) -> Planted:
        """At most ``length`` ASCII characters in capitals and digits: an accession number, a record's number."""
        if length >= 14 and self._count % 2:
            name = self.surname()
            text = folded(name).upper()[:length]
            return Planted(place, text, (Needle(text.casefold(), "name"),))
        return self.record(place)

    def word(self, place: str) -> Planted:
        """A family name in capitals: what no number and no date can be."""
        name = folded(self.surname())
        return Planted(place, name.upper()[:16], (Needle(name[:16], "name"),))

    def record(self, place: str) -> Planted:
        """The number of a patient's record."""
        self._count += 1
        digits = self.digits(10)
        return Planted(place, digits, (Needle(digits, "digits"),))

    def text(self, place: str) -> Planted:
        """One line of up to 64 characters, of one of several kinds in turn."""
        name = self.surname()
        plain = folded(name)
        digits = self.digits(10)
        first = _FIRST[self._count % len(_FIRST)]
        day = date(1901, 5, 11) + timedelta(days=self._count % 9000)  # none of the dates that are shifted
        texts = (
            (f"Mme {name} {first}", "name"),
            (f"IPP {digits}", "digits"),
            (f"tél. 06 {digits[2:4]} {digits[4:6]} {digits[6:8]} {digits[8:]}", "phone"),
            (f"12 bis rue {name}, 29200 Brest", "name"),
            (f"{plain}@chu.example", "name"),
            (f"adressé par le Dr {name}", "name"),
            (f"2 85 07 75 {digits[:3]} {digits[3:6]} {digits[6:8]} / {digits}", "digits"),
            (f"THORAX {name.upper()}", "name"),
            (f"née {name}", "name"),
            (f"{digits}", "digits"),
            (f"né le {day:%d/%m/%Y}", "born"),
            (f"DDN {day:%Y-%m-%d}", "iso"),
        )
        text, kind = texts[self._count % len(texts)]
        sought = {
            "name": plain,
            "digits": digits,
            "phone": "06" + digits[2:],
            "born": f"{day:%d%m%Y}",
            "iso": f"{day:%Y%m%d}",
        }[kind]
        told = f"{day:%Y%m%d}" if kind in ("born", "iso") else ""
        needles = [Needle(sought, "name" if kind == "name" else "digits", day=told)]
        if "Brest" in text:
            needles.append(Needle("brest", "first"))
        if first in text:
            needles.append(Needle(folded(first), "first"))
        return Planted(place, text, tuple(needles))

    def encoded(self, place: str) -> Planted:
        """A name that stands in base64."""
        name = self.surname()
        text = base64.b64encode(f"<patient>{name} {self.digits(10)}</patient>".encode()).decode()
        return Planted(place, text, (Needle(folded(name), "name"), Needle(text[14:34].casefold(), "base64")))
