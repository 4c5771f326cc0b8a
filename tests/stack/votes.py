"""A challenge that goes to the end: three centres' studies at the HDH, brought there by the steps in one process, so
that Airflow begins with what people decide. Its drops and buckets are folders of their own on the stack's servers.
"""

import yaml

from collecte import steps
from collecte.settings import HOME, Settings
from collecte.steps.challenge_site import ChallengeSite, open_challenge
from collecte.transport import load_endpoint, open_destination
from demo import cohort
from demo.deliveries import deposit
from demo.stack import Stack

CHALLENGE = "votes"
REASON = "vu avec le centre, par téléphone"


def challenge_file() -> str:
    """The demonstration's challenge in places of its own; started by hand."""
    raw = yaml.safe_load((HOME / "include" / "challenges" / "demo.yaml").read_text("utf-8"))
    raw |= {"id": CHALLENGE, "hdh": {"connection": "demo_hdh", "path": f"hdh-demo/{CHALLENGE}"}}
    for centre in raw["centres"]:
        before = "belcombe/" if centre["id"] == "belcombe" else "/"
        centre["drop"]["path"] = f"{before}{CHALLENGE}-{centre['id']}"
        centre["schedule"] = None
    for place in (*(host["place"] for host in raw["release"]["destinations"]), raw["open_data"]["place"]):
        place["path"] = f"{place['path']}/{CHALLENGE}"
    return str(yaml.safe_dump(raw, allow_unicode=True, sort_keys=False))


def at_the_hdh(stack: Stack) -> ChallengeSite:
    """Collect and ship what the three centres deposit, once for each stack; the challenge's site."""
    settings = Settings.from_environment(stack.settings)
    site = open_challenge(CHALLENGE, settings)
    folders = [stack.state / "sftp" / server / f"{CHALLENGE}-{server}" for server in ("arvel", "corvane")]
    if any(folder.exists() for folder in folders):
        return site
    for folder in (*folders, stack.state / "sftp" / "host" / "challenge" / CHALLENGE):
        folder.mkdir()
    deposit(site.challenge, lambda name: load_endpoint(name, settings), cohort.deposits())
    for centre in site.challenge.centres:
        steps.run(site.centre(centre))
    return site


def sent(site: ChallengeSite) -> list[str]:
    """Every key at the competition's hosts and in the public bucket."""
    rules, public = site.challenge.release, site.challenge.open_data
    assert rules
    assert public
    found = []
    for place in (*(host.place for host in rules.destinations), public.place):
        with open_destination(site.connect(place.connection), place.path) as destination:
            found += [f"{place.connection}: {key}" for key in destination.list_keys()]
    return found
