"""The facts table keeps types, bytes and order, and says what is wrong without repeating a value."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collecte.errors import Bug, NeedsPerson
from collecte.facts import KIND_COLUMNS, SCHEMA, read_facts, write_facts

ROW = {"file_id": 7, "object_id": 2, "kind": "dicom", "subject": "sub-a", "name": "a.dcm", "size_bytes": 9, "rows": 512}


def test_an_absent_number_stays_absent_and_a_whole_number_stays_whole(tmp_path: Path) -> None:
    write_facts(tmp_path / "1.parquet", [ROW, {"file_id": 8, "kind": "table", "missing_share": 0.25}])
    frame = read_facts([tmp_path / "1.parquet"])
    assert frame["rows"].dtype == pd.Int64Dtype()
    assert frame["rows"].tolist() == [512, pd.NA]
    assert frame["missing_share"].tolist() == [pd.NA, 0.25]
    assert frame["subject"].dtype == "category"
    assert frame["subject"].isna().tolist() == [False, True]


def test_shards_are_read_in_the_order_of_their_files_whatever_the_order_of_paths(tmp_path: Path) -> None:
    write_facts(tmp_path / "1.parquet", [{**ROW, "file_id": n} for n in (5, 1)])
    write_facts(tmp_path / "2.parquet", [{**ROW, "file_id": 3}])
    frame = read_facts([tmp_path / "2.parquet", tmp_path / "1.parquet"])
    assert frame["file_id"].tolist() == [1, 3, 5]


def test_the_same_rows_give_the_same_bytes_and_leave_no_part(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_facts(tmp_path / name, [ROW, {**ROW, "file_id": 8}])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_no_shard_gives_an_empty_frame_with_every_column() -> None:
    assert list(read_facts([]).columns) == SCHEMA.names


def test_a_row_group_ends_and_the_next_begins_without_a_loss(tmp_path: Path) -> None:
    assert write_facts(tmp_path / "1", ({**ROW, "file_id": n} for n in range(20_001))) == 20_001
    assert len(read_facts([tmp_path / "1"])) == 20_001


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**ROW, "patient_name": "DUPONT"}, "patient_name"),
        ({**ROW, "rows": "DUPONT"}, "rows"),
        ({**ROW, "burned_in_annotation": True}, "burned_in_annotation"),
        ({"kind": "dicom"}, "file_id"),
    ],
)
def test_a_wrong_row_is_a_bug_that_names_the_column_and_never_the_value(tmp_path: Path, row: dict, said: str) -> None:
    with pytest.raises(Bug, match=said) as caught:
        write_facts(tmp_path / "1", [row])
    assert "DUPONT" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert not (tmp_path / "1").exists()


def test_a_damaged_or_missing_shard_asks_to_describe_again(tmp_path: Path) -> None:
    write_facts(tmp_path / "1", [ROW])
    (tmp_path / "1").write_bytes((tmp_path / "1").read_bytes()[:-20])
    for name in ("1", "absent"):
        with pytest.raises(NeedsPerson, match="describe"):
            read_facts([tmp_path / name])


@given(
    st.lists(
        st.fixed_dictionaries(
            {"n_rows": st.none() | st.integers(0, 2**40), "column_names": st.none() | st.text('aé,\n"\0')}
        )
    )
)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[dict]) -> None:
    path = tmp_path_factory.mktemp("facts") / "1"
    write_facts(path, [{"file_id": n, "kind": "table", **row} for n, row in enumerate(rows)])
    back = read_facts([path])[["n_rows", "column_names"]].astype(object).where(lambda f: f.notna(), None)
    assert back.to_dict("records") == rows


def test_every_kind_of_data_has_its_columns() -> None:
    assert set(KIND_COLUMNS) == {"dicom", "table"}
    assert KIND_COLUMNS["table"] == ("n_rows", "n_columns", "column_names", "missing_share")
