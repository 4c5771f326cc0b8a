"""What a scanner remembers of the files before changes nothing of what it finds in the next one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collecte.records import Identifier, IdentifierKind
from collecte.residual import Scanner, compile_scanner
from tests.residual.builders import OTHER, SUBJECT, element, raw_file

#: The last two are harmless Latin-1 where a file does not name their character sets.
_NAMES = ("Lefebvre", "Владимир", "Ιωάννης")
_CHARSETS = (b"", b"ISO_IR 100", b"ISO_IR 144", b"ISO_IR 126")
_VALUES = (
    b"thorax",
    b"for Lefebvre",
    b"19620317",
    b"chest 19620317",
    _NAMES[1].encode("iso8859-5"),
    _NAMES[2].encode("iso8859-7"),
)
_TAGS = (0x00081030, 0x0008103E, 0x00104000, 0x00321060)

bodies = st.tuples(
    st.sampled_from((SUBJECT, OTHER)),
    st.sampled_from(_CHARSETS),
    st.dictionaries(st.sampled_from(_TAGS), st.sampled_from(_VALUES)),
)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Scanner]:
    """A scanner that has seen nothing yet."""
    folder = tmp_path_factory.mktemp("scanner")
    identifiers = [Identifier(IdentifierKind.NAME, name, SUBJECT) for name in _NAMES]
    identifiers.append(Identifier(IdentifierKind.BIRTH_DATE, "19620317", SUBJECT))
    return lambda: compile_scanner(identifiers, folder)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(bodies, min_size=2, max_size=5))
def test_a_file_is_judged_the_same_after_any_others(
    fresh: Callable[[], Scanner], tmp_path: Path, files: list[tuple[str, bytes, dict[int, bytes]]]
) -> None:
    scanner = fresh()
    for subject, charset, values in files:
        texts = [element(tag, "LO", value + b" " * (len(value) % 2)) for tag, value in sorted(values.items())]
        path = raw_file(tmp_path / "f.dcm", element(0x00080005, "CS", charset) + b"".join(texts))
        assert scanner.scan(path, (subject,)) == fresh().scan(path, (subject,))


def test_what_was_harmless_in_one_character_set_is_found_in_another(
    fresh: Callable[[], Scanner], tmp_path: Path
) -> None:
    scanner = fresh()
    comment = element(0x00104000, "LT", _NAMES[1].encode("iso8859-5"))
    plain = raw_file(tmp_path / "plain.dcm", comment)
    assert scanner.scan(plain, (SUBJECT,)) == ()
    cyrillic = raw_file(tmp_path / "cyrillic.dcm", element(0x00080005, "CS", b"ISO_IR 144") + comment)
    assert [finding.code for finding in scanner.scan(cyrillic, (SUBJECT,))] == ["RESIDUAL-NAME"]
