"""Shipping with proof (SHA-256 checked by the server, written only if absent, HEAD compared) against ``rclone copy``.

python -m benchmarks.ship
"""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from benchmarks._measure import Row, against, medians
from collecte.transport import Endpoint, Item, open_destination
from demo.servers import S3Server, program, s3_server

#: Name, number of files, bytes of each, goal: the highest ratio that will do.
CASES = (("2,000 × 0.5 MB", 2_000, 500_000, 2.0), ("700 MB", 1, 700_000_000, 1.2))
_PIECE = 1 << 20


def run() -> list[Row]:
    """A row for each case: the ratio of medians, to prefixes that are new each time."""
    return [_case(number, *case) for number, case in enumerate(CASES)]


def _case(number: int, what: str, files: int, size: int, goal: float) -> Row:
    with tempfile.TemporaryDirectory() as folder, s3_server(Path(folder) / "s3") as server:
        server.create_buckets("bench")
        source = Path(folder) / "source"
        source.mkdir()
        items = [_item(source / f"{n:06d}.dcm", size) for n in range(files)]
        taken = medians(
            {
                "ours": lambda turn: _ship(server, f"bench/ours/{number}/{turn}", items),
                "theirs": lambda turn: _rclone(server, source, f"bench/theirs/{number}/{turn}"),
            }
        )
    return against(f"ship {what}", taken["ours"], taken["theirs"], "rclone copy, 8 transfers", goal)


def _item(path: Path, size: int) -> Item:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, _PIECE):
            data = os.urandom(min(_PIECE, size - start))
            digest.update(data)
            file.write(data)
    return Item(path, path.name, digest.hexdigest(), size)


def _ship(server: S3Server, path: str, items: list[Item]) -> None:
    extra = {"endpoint_url": server.endpoint_url}
    endpoint = Endpoint("bench", "aws", login=server.access_key, password=server.secret_key, extra=extra)
    with open_destination(endpoint, path) as destination:
        stored = list(destination.put(items))
    assert {one.proof for one in stored} == {"server"}
    assert len(stored) == len(items)


def _rclone(server: S3Server, source: Path, path: str) -> None:
    keys = {
        "RCLONE_S3_PROVIDER": "SeaweedFS",
        "RCLONE_S3_ENDPOINT": server.endpoint_url,
        "RCLONE_S3_ACCESS_KEY_ID": server.access_key,
        "RCLONE_S3_SECRET_ACCESS_KEY": server.secret_key,
        "RCLONE_CONFIG": "/dev/null",
    }
    command = [program("rclone"), "copy", "--transfers", "8", "--s3-no-check-bucket", str(source), f":s3:{path}"]
    subprocess.run(command, env={**os.environ, **keys}, check=True, capture_output=True)


if __name__ == "__main__":
    for row in run():
        print(row)
