"""What all tasks share: the retries by class of error, the wall, the sentence in the log, the ids."""

import warnings

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowSkipException
from structlog.testing import capture_logs

from collecte.catalogue import ShardRef
from collecte.errors import Bug, LeaseLost, NeedsPerson, Retry
from collecte_airflow import ids, tasks

SECRET = "MARCHEMALLE^Odilon"


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (Retry("connection lost"), RetryAction.RETRY),
        (NeedsPerson("The key is refused.", "install ours."), RetryAction.FAIL),
        (LeaseLost("A newer attempt runs.", "nothing."), RetryAction.FAIL),
        (Bug("impossible"), RetryAction.FAIL),
        (tasks.Unexpected("builtins.OSError"), RetryAction.DEFAULT),
    ],
)
def test_the_class_of_an_error_decides_whether_its_task_is_tried_again(error: Exception, action: RetryAction) -> None:
    assert tasks.RETRY_POLICY.evaluate(error, try_number=1, max_tries=4).action is action


def test_an_error_that_needs_a_person_ends_with_what_to_do() -> None:
    with pytest.raises(NeedsPerson, match="To do: install ours"), tasks.wall():
        raise NeedsPerson("The key is refused.", "install ours.")


def test_the_text_of_a_library_does_not_pass_the_wall() -> None:
    with pytest.raises(tasks.Unexpected) as caught, tasks.wall():
        int(SECRET)

    assert SECRET not in str(caught.value)
    assert "builtins.ValueError" in str(caught.value)
    assert "test_tasks.py" in str(caught.value)
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def test_a_warning_of_a_library_is_counted_and_not_shown() -> None:
    with capture_logs() as lines, tasks.wall():
        warnings.warn(f"Invalid value for VR DA: '{SECRET}'", UserWarning, stacklevel=1)

    assert [line["event"] for line in lines] == ["1 warnings of libraries, their text not shown: UserWarning"]


def test_what_airflow_itself_raises_passes() -> None:
    with pytest.raises(AirflowSkipException), tasks.wall():
        raise AirflowSkipException


def test_counts_are_logged_as_one_sentence_and_as_fields() -> None:
    counts = {"files": 1214, "bytes_read": 7}
    with capture_logs() as lines:
        assert tasks.tell("Received", counts) == counts
        assert tasks.tell("Received", {}) == {}
    assert [line["event"] for line in lines] == ["Received: 1,214 files, 7 bytes read.", "Received: nothing to do."]
    assert [line["counts"] for line in lines] == [counts, {}]


def test_shards_travel_as_ids_and_labels() -> None:
    with capture_logs() as lines:
        found = tasks.tell_shards("To receive", [ShardRef("d0001/receive/1", "shard 1/1 · 214 files")])

    assert found == [{"shard": "d0001/receive/1", "label": "shard 1/1 · 214 files"}]
    assert lines[0]["event"] == "To receive: 1 shards of 1 deliveries (d0001)."
    assert lines[0]["counts"] == {"shards": 1, "deliveries": 1}
    assert ids.deliveries_of(found) == ["d0001"]
    assert ids.shard_of(found[0], "describe") == "d0001/describe/1"


@pytest.mark.parametrize("key", [None, "", "arvel", "arvel/", "arvel/1", "/d0001", "arvel/d0001/x", "../d0001"])
def test_a_run_without_a_good_partition_key_is_told_how_to_get_one(key: str | None) -> None:
    with pytest.raises(NeedsPerson, match="fill in Partition Key, such as arvel/d0001"):
        ids.read_partition_key(key)


def test_ids_can_be_taken_apart_again() -> None:
    assert ids.read_partition_key(ids.partition_key("arvel", "d0001")) == ("arvel", "d0001")
    assert ids.read_dag_id(ids.dag_id("collect", "cervix-2027", "arvel")) == ("collect", "cervix-2027", "arvel")
    assert ids.read_dag_id(ids.dag_id("ship_hdh", "cervix-2027")) == ("ship_hdh", "cervix-2027", None)
