"""What is removed is gone: every version, every half-sent upload; what a lock keeps is told, never passed over."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collecte.errors import NeedsPerson
from collecte.transport import Endpoint, Item, Removed, open_destination
from demo.servers import S3Server
from tests.transport.careless_s3 import careless_s3
from tests.transport.conftest import s3_endpoint
from tests.transport.test_destinations import item


def put(endpoint: Endpoint, path: str, *items: Item) -> None:
    with open_destination(endpoint, path) as destination:
        list(destination.put(items))


def test_an_object_goes_with_all_its_versions_and_its_neighbour_stays(
    s3: S3Server, bucket: str, tmp_path: Path
) -> None:
    client = s3.client()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for number in range(3):
        client.put_object(Bucket=bucket, Key="demo/s1/x", Body=b"%d" % number)
    client.delete_object(Bucket=bucket, Key="demo/s1/x")
    client.put_object(Bucket=bucket, Key="demo/s1/x", Body=b"4")
    put(s3_endpoint(s3), f"{bucket}/demo", item(tmp_path, "s1/xy", b"stays"))

    with open_destination(s3_endpoint(s3), f"{bucket}/demo") as destination:
        removed = list(destination.remove(["s1/x", "s1/never-there"]))
        left = list(destination.list_keys())

    listed = client.list_object_versions(Bucket=bucket)
    client.close()
    assert set(removed) == {Removed("s1/x", 5), Removed("s1/never-there", 0)}
    assert left == ["s1/xy"]
    assert {each["Key"] for each in [*listed["Versions"], *listed.get("DeleteMarkers", [])]} == {"demo/s1/xy"}


def test_a_bucket_without_versions_is_emptied_and_leaves_no_marker(s3: S3Server, bucket: str, tmp_path: Path) -> None:
    client = s3.client()
    put(s3_endpoint(s3), bucket, item(tmp_path, "x", b"1"))
    upload = client.create_multipart_upload(Bucket=bucket, Key="x")["UploadId"]
    client.upload_part(Bucket=bucket, Key="x", UploadId=upload, PartNumber=1, Body=b"half")

    with open_destination(s3_endpoint(s3), bucket) as destination:
        assert list(destination.remove(["x"])) == [Removed("x", 1)]
        assert destination.abort_unfinished() == 0

    listed = client.list_object_versions(Bucket=bucket)
    client.close()
    assert not listed.get("Versions")
    assert not listed.get("DeleteMarkers")


def test_a_locked_version_is_told_and_hidden_and_its_key_can_be_used_again(s3: S3Server, tmp_path: Path) -> None:
    client = s3.client()
    client.create_bucket(Bucket="locked-away", ObjectLockEnabledForBucket=True)
    until = datetime.now(UTC) + timedelta(days=1)
    client.put_object(Bucket="locked-away", Key="x", Body=b"free")
    client.put_object(
        Bucket="locked-away", Key="x", Body=b"locked", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until
    )

    with open_destination(s3_endpoint(s3), "locked-away") as destination:
        assert list(destination.remove(["x"])) == [Removed("x", 1, locked=1)]
        assert list(destination.list_keys()) == []
        with pytest.raises(NeedsPerson, match="there is no object x"):
            destination.read("x")
        (stored,) = destination.put([item(tmp_path, "x", b"another")])
        assert stored.item.key == "x"
    client.close()


def test_a_key_that_may_not_delete_is_told_from_a_lock(s3: S3Server, bucket: str, tmp_path: Path) -> None:
    client = s3.client()
    put(s3_endpoint(s3), bucket, item(tmp_path, "x", b"1"))
    policy = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*",'
        f'"Action":["s3:DeleteObject","s3:DeleteObjectVersion"],"Resource":"arn:aws:s3:::{bucket}/*"}}]}}'
    )
    client.put_bucket_policy(Bucket=bucket, Policy=policy)

    with (
        open_destination(s3_endpoint(s3), bucket) as destination,
        pytest.raises(NeedsPerson, match="the server denies access"),
    ):
        list(destination.remove(["x"]))
    client.delete_bucket_policy(Bucket=bucket)
    client.close()


def test_a_server_that_says_removed_and_keeps_it_is_found_out(tmp_path: Path) -> None:
    with careless_s3(keeps_what_is_deleted=True) as careless:
        put(careless.endpoint, "bucket", item(tmp_path, "x", b"1"))
        with (
            open_destination(careless.endpoint, "bucket") as destination,
            pytest.raises(NeedsPerson, match="still holds x after it was removed"),
        ):
            list(destination.remove(["x"]))


def test_a_folder_keeps_nothing_of_it_and_no_empty_folder(tmp_path: Path) -> None:
    endpoint, out = Endpoint("folder_test", "file"), tmp_path / "out"
    put(endpoint, str(out), item(tmp_path, "a/b/x", b"1"), item(tmp_path, "a/y", b"2"))
    (out / "a/b/x.77.part").write_bytes(b"half")

    with open_destination(endpoint, str(out)) as destination:
        removed = list(destination.remove(["a/b/x", "a/b/z"]))

    assert removed == [Removed("a/b/x", 1), Removed("a/b/z", 0)]
    assert [path.relative_to(out).as_posix() for path in sorted(out.rglob("*"))] == ["a", "a/y"]
