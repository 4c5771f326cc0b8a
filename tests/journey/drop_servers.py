"""SFTP servers for the journeys' tests, all in one process: to start one more takes no time.

Each line of the standard input is one to start: a JSON object with ``root``, ``host_key`` and ``user``. Its port is
printed. They end with the input.
"""

import asyncio
import json
import sys
from pathlib import Path
from threading import Thread

from demo.servers import listen_for_sftp

PASSWORD = "drop"


def main() -> None:
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, daemon=True).start()
    for line in sys.stdin:
        order = json.loads(line)
        started = listen_for_sftp(
            Path(order["root"]), 0, Path(order["host_key"]), user=order["user"], password=PASSWORD
        )
        sys.stdout.write(f"{asyncio.run_coroutine_threadsafe(started, loop).result().get_port()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
