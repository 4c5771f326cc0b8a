"""Shipping with proof (SHA-256 checked by the server, written only if absent, HEAD compared) against ``rclone copy``.

python -m benchmarks.ship
"""

import hashlib
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from collecte.transport import Endpoint, Item, open_destination
from demo.servers import S3Server, program, s3_server

RUNS = 3

Row = dict[str, str | int | float | None]

#: Name, number of files, bytes of each, goal: the highest ratio that will do.
CASES = (("ship-400x0.5MB", 400, 500_000, 2.0), ("ship-1x300MB", 1, 300_000_000, 1.2))


def run() -> list[Row]:
    """A row for each case: the ratio of medians, and both medians in seconds."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, s3_server(Path(folder) / "s3") as server:
        server.create_buckets("bench")
        for name, files, size, goal in CASES:
            source = Path(folder) / "source"
            source.mkdir()
            items = [_item(source / f"{number:06d}.dcm", size) for number in range(files)]
            ours, theirs = _alternate(server, name, source, items)
            shutil.rmtree(source)
            rows.append({"name": name, "ratio": ours / theirs, "goal": goal, "ours_s": ours, "theirs_s": theirs})
    return rows


def _item(path: Path, size: int) -> Item:
    data = os.urandom(size)
    path.write_bytes(data)
    return Item(path, path.name, hashlib.sha256(data).hexdigest(), size)


def _alternate(server: S3Server, name: str, source: Path, items: list[Item]) -> tuple[float, float]:
    """Medians of seconds, ours and theirs, run in turns, to prefixes that are new each time."""
    ours, theirs = [], []
    for turn in range(RUNS):
        ours.append(_timed(lambda turn=turn: _ship(server, f"bench/ours/{name}/{turn}", items)))  # type: ignore[misc]
        theirs.append(_timed(lambda turn=turn: _rclone(server, source, f"bench/theirs/{name}/{turn}")))  # type: ignore[misc]
    return statistics.median(ours), statistics.median(theirs)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


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
