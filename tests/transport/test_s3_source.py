"""A drop behind S3: what is its own."""

import hashlib
import os
import signal
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from collecte.errors import NeedsPerson, Retry
from collecte.transport import open_source
from collecte.transport.parts import resume_point
from demo.servers import S3Server, s3_server
from tests.processes import freeze
from tests.transport.careless_s3 import careless_s3
from tests.transport.conftest import MIB, as_a_task_does, holds, meanwhile, noise, s3_endpoint, wants


def test_folders_that_a_console_drew_are_no_files(s3: S3Server, bucket: str) -> None:
    client = s3.client()
    client.put_object(Bucket=bucket, Key="centre/folder/", Body=b"")
    client.put_object(Bucket=bucket, Key="centre/folder/file", Body=b"1")
    client.close()

    with open_source(s3_endpoint(s3), f"{bucket}/centre") as source:
        assert [entry.path for entry in source.entries()] == ["folder/file"]


def test_a_neighbour_whose_name_begins_alike_is_not_ours(s3: S3Server, bucket: str) -> None:
    client = s3.client()
    client.put_object(Bucket=bucket, Key="centre/a", Body=b"1")
    client.put_object(Bucket=bucket, Key="centre-b/a", Body=b"1")
    client.close()

    with open_source(s3_endpoint(s3), f"{bucket}/centre") as source:
        assert [entry.path for entry in source.entries()] == ["a"]


def test_a_wrong_secret_is_told_with_its_connection(s3: S3Server, bucket: str) -> None:
    wrong = replace(s3_endpoint(s3), password="wrong")

    with (
        pytest.raises(NeedsPerson, match="Connection bucket_test: the secret does not fit"),
        open_source(wrong, bucket),
    ):
        pass


def test_a_frozen_server_is_tried_again(s3: S3Server, bucket: str, tmp_path: Path) -> None:
    client = s3.client()
    client.put_object(Bucket=bucket, Key="DUPONT", Body=b"1")
    client.close()
    endpoint = s3_endpoint(s3, config_kwargs={"read_timeout": 1, "retries": {"total_max_attempts": 1}})

    with open_source(endpoint, bucket) as source:
        ours = wants(source, tmp_path)
        freeze(s3.pid)
        try:
            with pytest.raises(Retry, match="Connection bucket_test") as raised:
                list(source.fetch(ours))
        finally:
            os.kill(s3.pid, signal.SIGCONT)

    assert "DUPONT" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_server_killed_in_the_middle_leaves_a_part_that_is_gone_on_with(tmp_path: Path) -> None:
    """The flipped byte shows in the digest: what was there was gone on with, and hashed again from the disk."""
    data = noise(MIB) * 300
    with s3_server(tmp_path / "data") as server:
        server.create_buckets("bucket")
        # In parts, each tried again: a busy disk keeps a server so long that it hangs up over one of 300 MB.
        server.client().upload_fileobj(BytesIO(data), "bucket", "slide")
        with open_source(s3_endpoint(server), "bucket") as source:
            (one,) = wants(source, tmp_path)
            with (
                pytest.raises(Retry, match="Connection bucket_test"),
                meanwhile(holds(one.part, 100 * MIB), lambda: os.kill(server.pid, signal.SIGKILL)),
            ):
                list(source.fetch([one]))
    assert not one.target.exists()
    assert resume_point(one.part) is not None
    with one.part.open("r+b") as file:
        file.write(bytes([data[0] ^ 1]))

    ports = (server.master_port, server.volume_port, server.filer_port, server.s3_port)
    with (
        s3_server(tmp_path / "data", ports=ports) as server,
        open_source(s3_endpoint(server), "bucket") as source,
    ):
        (result,) = as_a_task_does(lambda: list(source.fetch(wants(source, tmp_path))))

    assert result.outcome == "ok"
    assert result.digests["sha256"] == hashlib.sha256(bytes([data[0] ^ 1]) + data[1:]).hexdigest()


def test_an_object_replaced_since_the_cut_starts_again(s3: S3Server, bucket: str, tmp_path: Path) -> None:
    client = s3.client()
    old, new = noise(MIB) * 70, noise(MIB) * 80
    client.put_object(Bucket=bucket, Key="slide", Body=old)
    etag = client.head_object(Bucket=bucket, Key="slide")["ETag"]
    with open_source(s3_endpoint(s3), bucket) as source:
        (one,) = wants(source, tmp_path)
        one.part.parent.mkdir()
        one.part.write_bytes(old[: 64 * MIB])
        one.part.with_name("0.resume").write_text(f'{{"stamp": "{etag[1:-1]}", "synced": {64 * MIB}}}')
        client.put_object(Bucket=bucket, Key="slide", Body=new)

        (result,) = source.fetch([one])
    client.close()

    assert result.digests["sha256"] == hashlib.sha256(new).hexdigest()
    assert one.target.read_bytes() == new


def test_a_store_that_alters_what_we_write_is_met_by_reading_it_back() -> None:
    with careless_s3(flips_a_bit=True) as store, open_source(store.endpoint, "bucket/centre") as source:
        with pytest.raises(Retry, match="read back with other bytes"):
            source.write("retour/d0001/retour-d0001.html", BytesIO(b"<html>"))
        store.flips_a_bit = False
        source.write("retour/d0001/retour-d0001.html", BytesIO(b"<html>"))
