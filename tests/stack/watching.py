"""A challenge of two centres on one server whose drops are watched: its file, and how a delivery is laid."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from collecte.settings import HOME
from demo.stack import Stack

CHALLENGE = "guet"
CENTRES = ("garde", "vigie")
#: Minutes between two looks.
POLL = 0.05


def challenge_file() -> str:
    """The demonstration's challenge with these centres, started by nothing but a delivery."""
    raw = yaml.safe_load((HOME / "include" / "challenges" / "demo.yaml").read_text("utf-8"))
    centre = {**raw["centres"][0], "schedule": None, "promised": []}
    raw |= {
        "id": CHALLENGE,
        "hdh": {"connection": "demo_hdh", "path": f"hdh-demo/{CHALLENGE}"},
        "arrival": {"quiet_minutes": 1, "poll_minutes": POLL},
        "centres": [
            {**centre, "id": name, "name": name, "drop": {"connection": "demo_sftp_arvel", "path": f"/{folder(name)}"}}
            for name in CENTRES
        ],
    }
    return str(yaml.safe_dump(raw, allow_unicode=True, sort_keys=False))


def folder(centre: str) -> str:
    """A centre's drop on the server."""
    return f"{CHALLENGE}-{centre}"


def make_drops(state: Path) -> None:
    """Make the drops of a stack that is not running yet: a watcher looks at once, and then ever later."""
    state.mkdir(mode=0o700)
    for centre in CENTRES:
        (state / "sftp" / "arvel" / folder(centre)).mkdir(parents=True)


def lay(stack: Stack, centre: str, delivery: str, files: Mapping[str, bytes], marker: str = ".done") -> Path:
    """Put a delivery into a centre's drop, and last its marker, if any: it is complete."""
    target = stack.state / "sftp" / "arvel" / folder(centre) / delivery
    target.mkdir(exist_ok=True)
    for name, content in files.items():
        (target / name).write_bytes(content)
    if marker:
        (target / marker).touch()
    return target
