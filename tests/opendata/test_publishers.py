"""Publishing: every publisher against the same questions, then S3 against what stores do wrong."""

import os
from pathlib import Path

import pytest

from collecte.errors import CollecteError, NeedsPerson
from collecte.opendata.publishers import PUBLISHERS, Publication, Publisher, publisher
from collecte.package import SIGNATURE_NAME, SUMS_NAME, read_sums, sha256_of
from collecte.transport import Endpoint
from demo.servers import S3Server
from tests.opendata import toy_publisher
from tests.opendata.builders import IMAGE_PATH, make
from tests.transport.careless_s3 import careless_s3

_HERE = Endpoint("toy", "aws")


def _publication(folder: Path, endpoint: Endpoint, place: str) -> Publication:
    make(folder)
    sums = read_sums((folder / SUMS_NAME).read_bytes())
    sums |= {name: sha256_of(folder / name) for name in (SIGNATURE_NAME, SUMS_NAME)}
    return Publication(endpoint, place, "col-2027/v1", folder, sums)


@pytest.fixture(params=["s3", "toy"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Publisher, Publication]:
    """Each publisher with a package and an empty place of its own."""
    if request.param == "toy":
        return toy_publisher, _publication(tmp_path / "v1", _HERE, str(tmp_path / "public"))
    s3: S3Server = request.getfixturevalue("s3")
    bucket = f"open-{os.urandom(6).hex()}"
    s3.create_buckets(bucket)
    extra = {"endpoint_url": s3.endpoint_url, "region_name": "us-east-1"}
    endpoint = Endpoint("open", "aws", login=s3.access_key, password=s3.secret_key, extra=extra)
    return PUBLISHERS["s3"], _publication(tmp_path / "v1", endpoint, f"{bucket}/donnees")


def test_a_publisher_sends_resumes_sends_nothing_twice_verifies_and_withdraws(
    way: tuple[Publisher, Publication],
) -> None:
    to, publication = way
    count = len(publication.sums)
    assert to.dry_run(publication) == {"to_send": count, "there": 0, "stray": 0}
    cut = to.publish(publication)
    next(cut)
    cut.close()  # type: ignore[attr-defined]
    stored = list(to.publish(publication))
    assert stored[-1].item.key == "col-2027/v1/SHA256SUMS", "the list of all is sent last"
    assert {one.item.sha256 for one in stored} == set(publication.sums.values())
    assert to.dry_run(publication) == {"to_send": 0, "there": count, "stray": 0}
    assert {one.version_id for one in to.publish(publication)} == {one.version_id for one in stored}
    assert to.verify(publication) == []
    assert [one.key for one in to.withdraw(publication, [IMAGE_PATH])] == [publication.key(IMAGE_PATH)]
    assert to.dry_run(publication)["to_send"] == 1
    assert to.there(publication) == {*publication.sums} - {IMAGE_PATH}


@pytest.mark.parametrize("habit", [{"flips_a_bit": True}, {"full": True}])
def test_a_store_that_lies_or_is_full_gets_no_list_of_all(habit: dict[str, bool], tmp_path: Path) -> None:
    with careless_s3(**habit) as careless:
        publication = _publication(tmp_path / "v1", careless.endpoint, "bucket/donnees")
        with pytest.raises(CollecteError):
            list(PUBLISHERS["s3"].publish(publication))
        assert not [key for key in careless.objects if key.endswith(SUMS_NAME)]


def test_an_unknown_publisher_is_told_with_the_known_ones() -> None:
    with pytest.raises(NeedsPerson, match="s3"):
        publisher("zenodo")


def test_the_toy_is_a_publisher_in_under_sixty_lines() -> None:
    assert len(Path(str(toy_publisher.__file__)).read_text().splitlines()) < 60
