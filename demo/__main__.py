"""``python -m demo up | play | down | status``: the local stack, and the demonstration on it."""

import argparse
import sys
import time
from pathlib import Path

import httpx

from demo import stack as local
from demo.processes import DidNotEnd
from demo.stack import StackError


class Clock:
    """Says what is being done, with the seconds since the start."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self, what: str) -> None:
        print(f"[{time.monotonic() - self._start:5.1f} s] {what}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("verb", choices=("up", "play", "down", "status"))
    parser.add_argument("--state", type=Path, default=local.state_folder(), help="state folder of the stack")
    parser.add_argument("--challenges", type=Path, help="folder of challenge files (up)")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="another setting (up)")
    options = parser.parse_args()
    say = Clock()
    state = options.state.resolve()
    try:
        if options.verb == "status":
            return _status(state)
        with local.alone(state):
            return _VERBS[options.verb](state, say, options)
    except (StackError, DidNotEnd, httpx.HTTPError) as error:
        print(error, file=sys.stderr)
        return 1


def _up(state: Path, say: Clock, options: argparse.Namespace) -> int:
    other = dict(setting.split("=", 1) for setting in options.set)
    stack = local.up(state, say, options.challenges, other=other)
    say(f"Airflow: {stack.url}  login {stack.user}  password {stack.password}  (`make down` ends it)")
    return 0


def _play(state: Path, say: Clock, options: argparse.Namespace) -> int:
    from demo import play

    local.forget(state, say)
    return play.play(local.up(state, say, options.challenges), say)


def _down(state: Path, say: Clock, options: argparse.Namespace) -> int:
    if not local.down(state, say):
        say("nothing was running")
    return 0


def _status(state: Path) -> int:
    stack = local.load(state)
    running = stack.running() if stack else {}
    if stack is None or not running:
        print("nothing is running; `make up` starts it")
        return 0
    for name, alive in running.items():
        print(f"{name:14} {'runs' if alive else 'ended'}")
    print(f"Airflow: {stack.url}  login {stack.user}  password {stack.password}")
    return 0 if all(running.values()) else 1


_VERBS = {"up": _up, "play": _play, "down": _down}

if __name__ == "__main__":
    raise SystemExit(main())
