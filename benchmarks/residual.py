"""The residual scan against SHA-256 over the same bytes in the same run.

``python -m benchmarks.residual`` prints the table; :func:`run` gives it. The engine is hyperscan.
"""

import random
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks._measure import Row, medians
from collecte.package import sha256_of
from collecte.records import Identifier, IdentifierKind
from collecte.residual import Scanner, compile_scanner

MEGABYTES = 64
COUNTS = (1_000, 20_000)
SYLLABLES = "ba be bo bri ca chal da del du fa fer gau gi ho la le lin ma mer mon na nel pa per que ra ri so ta vi"
_LINE = "sub-{0};F;{1};examen du foie, scanner sans injection, lésion hépatique de {2} mm au segment IV\n"


def identifiers(count: int, seed: int = 4) -> list[Identifier]:
    """So many identifiers of fictional patients: half names, a third IDs, the rest addresses and telephones."""
    chance = random.Random(seed)
    syllables = SYLLABLES.split()

    def word() -> str:
        return "".join(chance.choices(syllables, k=chance.randint(3, 4)))

    makers: tuple[Callable[[], Identifier], ...] = (
        lambda: Identifier(IdentifierKind.NAME, f"{word().upper()}^{word().title()}"),
        lambda: Identifier(IdentifierKind.NAME, f"{word().upper()}^{word().title()}"),
        lambda: Identifier(IdentifierKind.NAME, f"{word().upper()}^{word().title()}"),
        lambda: Identifier(IdentifierKind.ID, f"{chance.randrange(10**9, 10**10)}"),
        lambda: Identifier(IdentifierKind.ID, f"H{chance.randrange(10**6, 10**7)}"),
        lambda: Identifier(IdentifierKind.ADDRESS, f"{chance.randrange(1, 99)} rue {word()} {word()}, 59000 Lille"),
    )
    return [makers[index % len(makers)]() for index in range(count)]


def _pixels(chance: random.Random) -> Iterable[bytes]:
    """A DICOM file of one element of pixel-like bytes: noise of 12 bits around a slow ramp."""
    head = (
        b"\2\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0" + b"\xe0\x7f\x10\0OW\0\0" + (MEGABYTES << 20).to_bytes(4, "little")
    )
    yield bytes(128) + b"DICM" + head
    block = b"".join(((i // 400 + chance.getrandbits(7)) & 0xFFF).to_bytes(2, "little") for i in range(1 << 19))
    for _ in range(MEGABYTES):
        yield block


def _text(chance: random.Random) -> Iterable[bytes]:
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    for _ in range(MEGABYTES):
        lines = []
        while len(lines) < 9_500:
            subject = "".join(chance.choices(letters, k=16))
            lines.append(_LINE.format(subject, chance.randint(18, 89), chance.randint(3, 90)))
        yield "".join(lines).encode()


def run() -> list[Row]:
    """A row for each number of identifiers and kind of bytes: medians, against SHA-256 over the same file; no goal."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        files = {"pixels": Path(folder, "pixels.dcm"), "text": Path(folder, "text.csv")}
        for (kind, path), make in zip(files.items(), (_pixels, _text), strict=True):
            with path.open("wb") as file:
                file.writelines(make(random.Random(len(kind))))
        for count in COUNTS:
            scanner = compile_scanner(identifiers(count))
            rows += [_row(kind, path, count, scanner) for kind, path in files.items()]
    return rows


def _row(kind: str, path: Path, count: int, scanner: Scanner) -> Row:
    taken = medians({"scan": lambda _: scanner.scan(path, ()), "hash": lambda _: sha256_of(path)})
    megabytes = path.stat().st_size / 1e6
    ours, peer = (f"{megabytes / taken[work]:,.0f} MB/s" for work in ("scan", "hash"))
    return Row(
        f"residual scan, {count:,} identifiers, {kind}", taken["scan"] / taken["hash"], None, ours, f"{peer}, SHA-256"
    )


if __name__ == "__main__":
    for row in run():
        print(row)
