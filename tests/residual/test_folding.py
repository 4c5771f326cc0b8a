"""One form for many writings."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collecte.residual.folding import fold, fold_mixed, fold_text, plain, wide_views
from tests.residual.strategies import FIRST_NAMES, LAST_NAMES


@pytest.mark.parametrize("name", [*LAST_NAMES, *FIRST_NAMES])
def test_all_writings_of_a_name_fold_to_one(name: str) -> None:
    forms = {
        unicodedata.normalize(form, case) for form in ("NFC", "NFD") for case in (name, name.upper(), name.lower())
    }
    folded = {plain(fold(form.encode())) for form in forms}
    composed = {unicodedata.normalize("NFC", form) for form in forms}
    folded |= {plain(fold(form.encode("cp1252"))) for form in composed}
    assert len(folded) == 1, folded


@given(st.text())
def test_the_quick_way_and_the_tolerant_way_agree(text: str) -> None:
    raw = text.encode("utf-8", "ignore")
    assert fold(raw) == (raw.lower() if raw.isascii() else fold_mixed(raw))


@given(st.binary(), st.binary())
def test_a_cut_at_a_line_feed_cuts_the_folded_form(one: bytes, two: bytes) -> None:
    assert fold(one + b"\n" + two) in (
        fold(one) + b"\n" + fold(two),
        fold_mixed(one) + b"\n" + fold_mixed(two),
    )
    assert len(fold(one)) <= len(one)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_with_combining_accents_gets_a_view_of_its_own(encoding: str) -> None:
    raw = unicodedata.normalize("NFD", "xx Hélène Lebœuf").encode(encoding)
    views = [plain(view.replace(b"\0", b"")) for view in wide_views(raw)]
    assert b"xx helene leboeuf" in views


def test_text_folds_like_its_bytes() -> None:
    assert fold_text("Œuvre ’ – ﻿é") == fold("Œuvre ’ – ﻿é".encode())


def test_letters_of_full_width_fold_to_plain_ones() -> None:
    assert fold_text("ＤＵＰＯＮＴ１２") == b"dupont12"
