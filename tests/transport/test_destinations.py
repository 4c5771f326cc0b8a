"""What is shipped arrives unchanged, is proved, is never sent twice in vain, and overwrites nothing."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collecte.errors import Bug, NeedsPerson, Retry
from collecte.transport import Destination, Endpoint, Item, Stored, open_destination
from demo.servers import HOME, S3Server, free_ports, s3_server
from tests.processes import freeze
from tests.transport.careless_s3 import Careless, careless_s3
from tests.transport.conftest import MIB, Centre, as_a_task_does, collect, meanwhile, noise, s3_endpoint


def item(folder: Path, key: str, data: bytes) -> Item:
    source = folder / hashlib.sha256(key.encode()).hexdigest()
    source.write_bytes(data)
    return Item(source, key, hashlib.sha256(data).hexdigest(), len(data))


Opener = Callable[[], AbstractContextManager[Destination]]


@pytest.fixture(params=["s3", "careless", "file", "sftp", pytest.param("openssh", marks=pytest.mark.needs("sshd"))])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """A destination of each kind: a server that checks, one that does not, a folder, two SFTP servers."""
    if request.param == "s3":
        bucket = request.getfixturevalue("bucket")
        return lambda: open_destination(s3_endpoint(request.getfixturevalue("s3")), f"{bucket}/demo")
    if request.param == "careless":
        careless: Careless = request.getfixturevalue("careless")
        return lambda: open_destination(careless.endpoint, "bucket/demo")
    if request.param == "sftp":
        centre: Centre = request.getfixturevalue("centre")
        return lambda: open_destination(centre.endpoint, centre.path)
    if request.param == "openssh":
        (tmp_path / "host").mkdir()
        endpoint = request.getfixturevalue("sshd")().endpoint(request.getfixturevalue("client_key"))
        return lambda: open_destination(endpoint, str(tmp_path / "host"))
    return lambda: open_destination(Endpoint("folder_test", "file"), str(tmp_path / "out"))


@pytest.fixture
def careless():  # type: ignore[no-untyped-def]
    with careless_s3() as server:
        yield server


def test_what_is_put_is_there_and_proved(opener: Opener, tmp_path: Path) -> None:
    items = [item(tmp_path, f"s1/{number}.dcm", noise(number * 1000)) for number in range(30)]

    with opener() as destination:
        stored = list(destination.put(items))

        assert {one.item.key for one in stored} == {one.key for one in items}
        assert {one.proof for one in stored} == {destination.probe()}
        assert list(destination.list_keys()) == sorted(one.key for one in items)
        assert all(destination.digest(one.key) == (one.sha256, one.size) for one in items)


def test_the_probe_leaves_nothing_behind(opener: Opener) -> None:
    with opener() as destination:
        destination.probe()

        assert list(destination.list_keys()) == []
        assert destination.abort_unfinished() == 0


def test_what_is_put_twice_is_stored_once(opener: Opener, tmp_path: Path) -> None:
    items = [item(tmp_path, f"{number}", noise(1000)) for number in range(20)]

    with opener() as destination:
        first = list(destination.put(items))
        again = list(destination.put(items))

    assert {(one.item, one.etag) for one in again} == {(one.item, one.etag) for one in first}


def test_another_object_under_the_key_is_reported_and_kept_and_the_others_arrive(
    opener: Opener, tmp_path: Path
) -> None:
    theirs, ours, good = (
        item(tmp_path, "s1/x", b"theirs"),
        item(tmp_path, "s1/x", b"ours!!"),
        item(tmp_path, "s1/y", b"y"),
    )
    theirs.source.write_bytes(b"theirs")

    with opener() as destination:
        list(destination.put([theirs]))
        ours.source.write_bytes(b"ours!!")
        stored: list[Stored] = []
        with pytest.raises(NeedsPerson, match=r"another object under s1/x.* To do: "):
            collect(destination.put([ours, good]), stored)

        assert destination.read("s1/x") == b"theirs"
        assert [one.item for one in stored] == [good]


def test_several_other_objects_are_named_together(opener: Opener, tmp_path: Path) -> None:
    with opener() as destination:
        list(destination.put([item(tmp_path, "a", b"1"), item(tmp_path, "b", b"2")]))
        with pytest.raises(NeedsPerson, match=r"other objects under 2 keys \(a, b\)"):
            list(destination.put([item(tmp_path, "a", b"3"), item(tmp_path, "b", b"4")]))


def test_a_file_that_rotted_on_our_disk_is_not_stored(opener: Opener, tmp_path: Path) -> None:
    rotten = item(tmp_path, "s1/x", b"as the catalogue knows it")
    rotten.source.write_bytes(b"as the catalogue knew it.")

    with opener() as destination:
        with pytest.raises(NeedsPerson, match=r"s1/x no longer has the SHA-256 of the catalogue"):
            list(destination.put([rotten]))

        assert list(destination.list_keys()) == []


def test_a_key_that_leads_out_is_a_bug(opener: Opener, tmp_path: Path) -> None:
    with opener() as destination, pytest.raises(Bug):
        list(destination.put([item(tmp_path, "../x", b"1")]))


def test_an_object_that_is_not_there_is_told(opener: Opener) -> None:
    with opener() as destination:
        with pytest.raises(NeedsPerson, match="there is no object s1/x"):
            destination.read("s1/x")
        with pytest.raises(NeedsPerson, match="there is no object s1/x"):
            destination.digest("s1/x")


def test_a_large_file_goes_in_parts_and_twice_changes_nothing(opener: Opener, tmp_path: Path) -> None:
    large = item(tmp_path, "slide", noise(MIB) * 150)

    with opener() as destination:
        (stored,) = destination.put([large])
        (again,) = destination.put([large])

        assert destination.digest("slide") == (large.sha256, large.size)
        assert stored.proof == again.proof == destination.probe()
        assert destination.abort_unfinished() == 0


def test_a_large_file_that_rotted_is_not_stored_and_leaves_no_parts(opener: Opener, tmp_path: Path) -> None:
    large = item(tmp_path, "slide", noise(MIB) * 80)
    with large.source.open("r+b") as file:
        file.seek(70 * MIB)
        file.write(b"rot")

    with opener() as destination:
        with pytest.raises(NeedsPerson, match="no longer has the SHA-256 of the catalogue"):
            list(destination.put([large]))

        assert list(destination.list_keys()) == []
        assert destination.abort_unfinished() == 0


# -- what the server is like --


def test_a_server_that_checks_is_told_from_one_that_does_not(s3: S3Server, bucket: str) -> None:
    with open_destination(s3_endpoint(s3), bucket) as destination:
        assert destination.probe() == "server"
    with careless_s3() as careless, open_destination(careless.endpoint, "bucket") as destination:
        assert destination.probe() == "readback"


def test_a_server_that_alters_bytes_and_repeats_our_sum_in_head_is_found_out(tmp_path: Path) -> None:
    with (
        careless_s3(flips_a_bit=True) as careless,
        open_destination(careless.endpoint, "bucket") as destination,
        pytest.raises(NeedsPerson, match="gives back other bytes under s1/x"),
    ):
        list(destination.put([item(tmp_path, "s1/x", b"content")]))


def test_a_server_that_alters_large_files_is_found_out(tmp_path: Path) -> None:
    with (
        careless_s3(flips_a_bit=True) as careless,
        open_destination(careless.endpoint, "bucket") as destination,
        pytest.raises(NeedsPerson, match="gives back other bytes under slide"),
    ):
        list(destination.put([item(tmp_path, "slide", noise(MIB) * 65)]))


def test_a_server_that_ignores_conditions_overwrites_nothing(tmp_path: Path) -> None:
    with careless_s3(honours_conditions=False) as careless:
        with open_destination(careless.endpoint, "bucket") as destination:
            list(destination.put([item(tmp_path, "x", b"theirs")]))
            with pytest.raises(NeedsPerson, match="another object under x"):
                list(destination.put([item(tmp_path, "x", b"ours!!")]))

        assert careless.objects["x"][0] == b"theirs"


def test_a_server_that_is_busy_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    with careless_s3() as careless, open_destination(careless.endpoint, "bucket") as destination:
        destination.probe()
        careless.busy = 1
        (stored,) = destination.put([item(tmp_path, "x", b"1")])

    assert stored.item.key == "x"


def test_a_server_that_is_busy_for_long_is_a_matter_of_trying_again(tmp_path: Path) -> None:
    with careless_s3() as careless, open_destination(careless.endpoint, "bucket") as destination:
        destination.probe()
        careless.busy = 100
        with pytest.raises(Retry, match="Connection careless_test: the server is busy"):
            list(destination.put([item(tmp_path, "x", b"1")]))


def test_a_server_that_is_full_is_a_matter_for_its_operator(tmp_path: Path) -> None:
    with careless_s3() as careless, open_destination(careless.endpoint, "bucket") as destination:
        destination.probe()
        careless.full = True
        with pytest.raises(NeedsPerson, match=r"no space left.*ask its operator to make room"):
            list(destination.put([item(tmp_path, "x", b"1")]))
        careless.full = False
        assert [stored.item.key for stored in destination.put([item(tmp_path, "x", b"1")])] == ["x"]


def test_an_upload_that_a_kill_left_goes_on_without_the_parts_that_are_there(tmp_path: Path) -> None:
    data = noise(MIB) * 150
    with careless_s3() as careless:
        careless.uploads["left"] = ("slide", {1: data[: 64 * MIB], 2: b"other bytes"})
        with open_destination(careless.endpoint, "bucket") as destination:
            (stored,) = destination.put([item(tmp_path, "slide", data)])

        sent = sorted(line for line in careless.requests if line.startswith("PUT slide"))
        assert sent == ["PUT slide 2", "PUT slide 3"]
        assert careless.objects["slide"][0] == data
        assert stored.proof == "readback"
        assert not careless.uploads


# -- real faults --


_SHIP = """
import sys
from pathlib import Path
from collecte.transport import Endpoint, Item, open_destination
url, key, secret, path, source, sha256, size = sys.argv[1:]
endpoint = Endpoint("killed", "aws", login=key, password=secret, extra={"endpoint_url": url})
with open_destination(endpoint, path) as destination:
    list(destination.put([Item(Path(source), "slide", sha256, int(size))]))
"""


def _killed_in_the_middle(s3: S3Server, bucket: str, large: Item) -> None:
    """Ship it from another process, which SIGKILL ends once a part of it is there."""
    client = s3.client()
    arguments = [s3.endpoint_url, s3.access_key, s3.secret_key, f"{bucket}/demo", str(large.source), large.sha256]
    process = subprocess.Popen(
        [sys.executable, "-c", _SHIP, *arguments, str(large.size)],
        cwd=HOME,
        env={**os.environ, "PYTHONPATH": "include"},
    )

    def a_part_is_there() -> bool:
        uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        uploads = [upload for upload in uploads if upload["Key"] == "demo/slide"]
        return bool(
            uploads and client.list_parts(Bucket=bucket, Key="demo/slide", UploadId=uploads[0]["UploadId"]).get("Parts")
        )

    with meanwhile(a_part_is_there, process.kill):
        process.wait()
    assert process.returncode == -signal.SIGKILL
    client.close()


def test_killed_in_the_middle_of_a_large_file_and_swept_leaves_nothing(
    s3: S3Server, bucket: str, tmp_path: Path
) -> None:
    large = item(tmp_path, "slide", noise(MIB) * 400)
    _killed_in_the_middle(s3, bucket, large)

    with open_destination(s3_endpoint(s3), f"{bucket}/demo") as destination:
        assert destination.abort_unfinished(older_than=timedelta(days=1)) == 0
        assert destination.abort_unfinished() == 1
        assert destination.abort_unfinished() == 0
        assert list(destination.list_keys()) == []


def test_killed_in_the_middle_of_a_large_file_and_run_again_is_whole(s3: S3Server, bucket: str, tmp_path: Path) -> None:
    large = item(tmp_path, "slide", noise(MIB) * 400)
    _killed_in_the_middle(s3, bucket, large)

    with open_destination(s3_endpoint(s3), f"{bucket}/demo") as destination:
        (stored,) = destination.put([large])

        assert destination.digest("slide") == (large.sha256, large.size)
        assert stored.proof == "server"
        assert destination.abort_unfinished() == 0


def test_versions_are_on_the_receipt(s3: S3Server, bucket: str, tmp_path: Path) -> None:
    client = s3.client()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    with open_destination(s3_endpoint(s3), bucket) as destination:
        (stored,) = destination.put([item(tmp_path, "x", b"1")])

    versions = client.list_object_versions(Bucket=bucket)
    assert [version["VersionId"] for version in versions["Versions"]] == [stored.version_id]
    assert not versions.get("DeleteMarkers")
    client.close()


def test_a_wrong_secret_is_told_with_its_connection(s3: S3Server, bucket: str) -> None:
    wrong = replace(s3_endpoint(s3), password="wrong")

    with (
        pytest.raises(NeedsPerson, match="Connection bucket_test: the secret does not fit"),
        open_destination(wrong, bucket),
    ):
        pass


def test_an_unknown_access_key_is_told(s3: S3Server, bucket: str) -> None:
    unknown = replace(s3_endpoint(s3), login="unknown")

    with pytest.raises(NeedsPerson, match="does not know the access key"), open_destination(unknown, bucket):
        pass


def test_a_bucket_that_is_not_there_is_told(s3: S3Server) -> None:
    with (
        pytest.raises(NeedsPerson, match="the bucket is not there"),
        open_destination(s3_endpoint(s3), "no-such-bucket"),
    ):
        pass


def test_a_path_without_a_bucket_is_told(s3: S3Server) -> None:
    with pytest.raises(NeedsPerson, match="names no bucket"), open_destination(s3_endpoint(s3), "/"):
        pass


def test_extras_that_botocore_does_not_take_are_told(s3: S3Server) -> None:
    for extra in ({"config_kwargs": {"no_such": 1}}, {"endpoint_url": "no url"}):
        with (
            pytest.raises(NeedsPerson, match="Connection bucket_test"),
            open_destination(s3_endpoint(s3, **extra), "b"),
        ):
            pass


def test_a_closed_port_is_tried_again() -> None:
    closed = Endpoint(
        "closed", "aws", login="a", password="b", extra={"endpoint_url": f"http://127.0.0.1:{free_ports(1)[0]}"}
    )
    with pytest.raises(Retry, match="Connection closed"), open_destination(closed, "bucket"):
        pass


def test_a_frozen_server_is_tried_again(s3: S3Server, bucket: str, tmp_path: Path) -> None:
    endpoint = s3_endpoint(s3, config_kwargs={"read_timeout": 1, "retries": {"total_max_attempts": 1}})

    with open_destination(endpoint, bucket) as destination:
        destination.probe()
        freeze(s3.pid)
        try:
            with pytest.raises(Retry, match="Connection bucket_test"):
                list(destination.put([item(tmp_path, "x", b"1")]))
        finally:
            os.kill(s3.pid, signal.SIGCONT)


def test_a_server_killed_in_the_middle_is_tried_again_and_then_complete(tmp_path: Path) -> None:
    """Killed with -9 while it takes 300 files; it comes back on its disk, and the same call ships what is missing."""
    items = [item(tmp_path, f"s1/{number}", noise(200_000)) for number in range(300)]
    with s3_server(tmp_path / "data") as server:
        server.create_buckets("bucket")
        with open_destination(s3_endpoint(server), "bucket") as destination:
            stored: list[Stored] = []
            with pytest.raises(Retry, match="Connection bucket_test"):
                collect(destination.put(items), stored, lambda: os.kill(server.pid, signal.SIGKILL), after=20)
        assert 20 <= len(stored) < 300
    ports = (server.master_port, server.volume_port, server.filer_port, server.s3_port)
    with (
        s3_server(tmp_path / "data", ports=ports) as server,
        open_destination(s3_endpoint(server), "bucket") as destination,
    ):
        again = as_a_task_does(lambda: list(destination.put(items)))

        assert {one.item.key for one in again} == {one.key for one in items}
        assert len(list(destination.list_keys())) == 300
