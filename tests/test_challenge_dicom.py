"""A challenge's rules for DICOM that cannot be meant are told when the file is read, not when a delivery is there."""

from typing import Any

import pytest
from pydantic import ValidationError

from tests.formats.dicom.builders import context


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"attribute": "KVP", "action": "shift"}, "is no date"),
        ({"attribute": "KVP", "action": "hash"}, "is no text"),
        ({"attribute": "ReferencedImageSequence", "action": "hash"}, "is no text"),
        ({"attribute": "KVP", "action": "replace", "value": "high"}, "cannot hold"),
        ({"attribute": "StudyDate", "action": "replace", "value": "yesterday"}, "cannot hold"),
        ({"attribute": "BodyPartExamined", "action": "replace", "value": "thorax"}, "cannot hold"),
        ({"attribute": "StationName", "action": "replace", "value": "a" * 17}, "cannot hold"),
        ({"attribute": "ReferencedImageSequence", "action": "replace", "value": "x"}, "no text can stand in"),
        ({"attribute": "PixelData", "action": "remove"}, "what the object is"),
        ({"attribute": "TransferSyntaxUID", "action": "keep"}, "what the object is"),
        ({"attribute": "PatientBirthDate", "action": "keep"}, "names the patient"),
        ({"attribute": "(0010,1001)", "action": "keep"}, "names the patient"),
        ({"attribute": "Rows", "action": "remove"}, "read by"),
        ({"attribute": "(0028,0103)", "action": "replace", "value": "1"}, "read by"),
        ({"attribute": "(0019,100C)", "creator": "ACME", "action": "keep"}, "private element only"),
    ],
)
def test_a_rule_that_its_attribute_cannot_follow_is_refused(rule: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        context(attributes=[rule])


@pytest.mark.parametrize(
    "rule",
    [
        {"attribute": "KVP", "action": "replace", "value": "120.5"},
        {"attribute": "ImageType", "action": "replace", "value": "DERIVED\\SECONDARY"},
        {"attribute": "StudyDate", "action": "shift"},
        {"attribute": "StationName", "action": "hash"},
        {"attribute": "PatientBirthDate", "action": "shift"},
        {"attribute": "Rows", "action": "keep"},
        {"attribute": "StudyComments", "action": "replace", "value": "no \\ comment\non two lines"},
        {"attribute": "(0019,xx0C)", "creator": "ACME", "action": "replace", "value": "anything"},
    ],
)
def test_a_rule_that_its_attribute_can_follow_is_read(rule: dict[str, str]) -> None:
    context(attributes=[rule])


@pytest.mark.parametrize(
    "twice",
    [
        [{"attribute": "KVP", "action": "keep"}, {"attribute": "(0018,0060)", "action": "remove"}],
        [
            {"attribute": "(0019,xx0C)", "creator": "ACME  1", "action": "keep"},
            {"attribute": "0019xx0c", "creator": "acme 1", "action": "remove"},
        ],
    ],
)
def test_an_attribute_is_ruled_once_however_it_is_written(twice: list[dict[str, str]]) -> None:
    with pytest.raises(ValidationError, match="ruled twice"):
        context(attributes=twice)


@pytest.mark.parametrize("box", [[5, 5, 1, 9], [5, 9, 9, 5], [0, 0, 11, 5], [0, 0, 5, 21]])
def test_a_box_of_a_layout_lies_inside_the_image(box: list[int]) -> None:
    layout: dict[str, Any] = {"manufacturer": "ACME", "rows": 20, "columns": 10}
    context(text_in_pixels={"layouts": [{**layout, "boxes": [[0, 0, 10, 20]]}]})
    with pytest.raises(ValidationError, match="no box inside"):
        context(text_in_pixels={"layouts": [{**layout, "boxes": [box]}]})


def test_an_option_is_named_once() -> None:
    with pytest.raises(ValidationError, match="twice"):
        context(options=("retain_uids", "retain_uids"))
