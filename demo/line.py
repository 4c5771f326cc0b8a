"""The demonstration's second act: from the HDH to the competition's hosts, to Open Data, and back out again.

Three people play it, each by their own login: the engineer starts runs, the coordinator and the data-protection officer
answer. What nobody may do is tried as well, and must change nothing.
"""

import hashlib
import io
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pyrage

from collecte import steps
from collecte.catalogue import packages_of
from collecte.challenge import Destination as Host
from collecte.challenge import Place
from collecte.package import SUMS_NAME, read_sums
from collecte.settings import Settings
from collecte.steps import ChallengeSite, open_challenge
from collecte.transport import load_endpoint, open_destination, open_source
from collecte_airflow import ids
from demo import cohort, deliveries
from demo.airflow import Airflow, Asked, Run
from demo.stack import Stack, StackError
from demo.verify import Check

COORDINATOR, OFFICER = "claire", "diane"

#: The fictional hosts' private key of age; its public half stands in the demonstration's challenge file.
SCORER_KEY = "AGE-SECRET-KEY-150067P0AZJUCW59A8X7R3FANUPDAA0Y8CARSGH3U9725VMKMDCZQMRCVAG"

_PATIENCE_S = 240.0


@dataclass
class Line:
    """What the second act has to hand, and what it found."""

    stack: Stack
    site: ChallengeSite
    engineer: Airflow
    coordinator: Airflow
    officer: Airflow
    say: Callable[[str], None]
    checks: list[Check] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    def dag_id(self, stage: str) -> str:
        return ids.dag_id(stage, self.site.challenge.id)

    def check(self, what: str, trouble: str = "") -> None:
        self.checks.append(Check(what, trouble))

    def question(self, stage: str, role: str, run: Run | None = None) -> Asked:
        """The newest question of a DAG to a role, once there is one."""
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            found = [one for one in self.engineer.asked(self.dag_id(stage)) if role in one.task_id]
            found = [one for one in found if run is None or one.run_id == run.run_id]
            if found:
                return found[-1]
            if run is not None and (now := self.engineer.run(run)).ended:
                raise StackError(f"{run.dag_id} ended ({now.state}) without asking the {role}.")
            time.sleep(0.5)
        raise StackError(f"{self.dag_id(stage)} has not asked the {role} in {_PATIENCE_S:.0f} s.")

    def ended(self, run: Run) -> Run:
        """The run, once it has ended."""
        (done,) = self.engineer.wait([run], self.say, _PATIENCE_S)
        self.runs.append(done)
        return done


def play_line(stack: Stack, settings: Settings, say: Callable[[str], None]) -> Line:
    """Deposit the study, decide, release, ship, publish, recall, release again; what was found of each."""
    site = open_challenge("demo", settings)
    with ExitStack() as logins:
        engineer, coordinator, officer = (
            logins.enter_context(Airflow(stack, login)) for login in (stack.user, COORDINATOR, OFFICER)
        )
        line = Line(stack, site, engineer, coordinator, officer, say)
        _deliver(line, settings)
        _decide_homogeneity(line)
        _release(line, "v1", forge=True)
        _publish(line)
        before = _holding(line)
        _recall(line)
        _decide(line)  # of what is left, nothing was decided yet
        _release(line, "v2", forge=False)
        _without_the_recalled(line, before)
    return line


def _deliver(line: Line, settings: Settings) -> None:
    challenge = line.site.challenge
    deliveries.deposit(challenge, lambda name: load_endpoint(name, settings), cohort.deposits())
    line.say("the centres have deposited their study: corvane in metres, the others in centimetres")
    collected = [line.engineer.trigger(ids.dag_id("collect", challenge.id, c.id)) for c in challenge.centres]
    collected = line.engineer.wait(collected, line.say, _PATIENCE_S)
    keys = line.engineer.keys_accepted(collected)
    shipped = _runs_of_keys(line, keys)
    line.runs += [*collected, *line.engineer.wait(shipped, line.say, _PATIENCE_S)]
    trouble = ", ".join(run.dag_id for run in line.runs if run.state != "success")
    line.check("the study is collected and at the HDH", trouble)


def _runs_of_keys(line: Line, keys: set[str]) -> Sequence[Run]:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        found = {run.key: run for run in line.engineer.runs(line.dag_id("ship_hdh")) if run.key in keys}
        if len(found) == len(keys):
            return list(found.values())
        time.sleep(0.5)
    raise StackError(f"ship_hdh has not started for all of {', '.join(sorted(keys))}.")


def _decide_homogeneity(line: Line) -> None:
    """The gate turns red; the officer may not decide, the coordinator leaves the fact out."""
    refused, reds = _decide(line)
    line.check("another unit at one centre turns the gate red", "" if reds else "it was never red")
    line.check("whom it was not asked of cannot decide (403)", "" if refused == {403} else f"{refused}")
    decided = "table.height_cm" in steps.homogeneity_now(line.site).left_out_facts
    line.check("the coordinator's decision opens the gate", "" if decided else "the fact was not left out")


def _decide(line: Line) -> tuple[set[int], int]:
    """Answer until the gate is open; what the officer's tries were answered with, and how often it was seen red."""
    refused, reds = set[int](), 0
    until = time.monotonic() + _PATIENCE_S
    while not (now := steps.homogeneity_now(line.site)).open or now.verdict is None:
        reds += now.verdict == "red"
        if time.monotonic() > until:
            raise StackError(f"The homogeneity of {line.site.challenge.id} was not decided: {now.verdict}.")
        for asked in line.engineer.asked(line.dag_id("homogeneity")):
            refused.add(line.officer.answer(asked, asked.options[0]))
            line.coordinator.answer(
                asked,
                "leave_out_fact",
                value="table.height_cm",
                reason="Corvane mesure en mètres ; la taille n'entre pas dans cette version.",
            )
        time.sleep(1)
    return refused, reds


def _release(line: Line, label: str, forge: bool) -> None:
    run = line.coordinator.trigger(line.dag_id("release"))
    first = line.question("release", "coordinator", run)
    if forge:
        run = _forge(line, run, first)
        first = line.question("release", "coordinator", run)
    line.coordinator.settle(first, "approve")
    line.officer.settle(line.question("release", "officer", run), "approve")
    done = line.ended(run)
    line.check(f"release {label}: approved by two people, shipped", "" if done.state == "success" else done.state)
    package = line.site.package("release", label)
    folder = line.site.folder(package)
    line.check(f"release {label} verifies", "; ".join(steps.verify_release(folder, None)))
    for host in line.site.challenge.release.destinations if line.site.challenge.release else ():
        line.check(f"release {label} is at {host.id}, byte by byte", _at_host(line, host, label))
    line.check(f"release {label}: the host alone reads the hidden labels", _labels(line, label))


def _forge(line: Line, run: Run, asked: Asked) -> Run:
    """What approves nothing: the wrong login, the other's task marked as success, its XCom written, cleared."""
    wrong = {line.officer.answer(asked, "approve"), line.engineer.answer(asked, "approve")}
    line.check("the wrong login cannot approve (403)", "" if wrong == {403} else f"{wrong}")
    denied = {line.coordinator.write_xcom(asked, "approve"), line.officer.mark_success(asked)}
    line.check("who decides can neither write an XCom nor mark a task (403)", "" if denied == {403} else f"{denied}")
    line.engineer.write_xcom(asked, {"chosen_options": ["approve"]})
    line.engineer.mark_success(asked)
    line.engineer.mark_success(line.question("release", "officer", run))
    ended = line.ended(run)
    sent = [host.id for host in _hosts(line) if _keys(line.site, host.place)]
    trouble = f"the run is {ended.state}, sent to {', '.join(sent) or 'nobody'}"
    line.check("approvals marked as success send nothing", "" if ended.state == "failed" and not sent else trouble)
    return line.coordinator.trigger(line.dag_id("release"))


def _publish(line: Line) -> None:
    run = line.coordinator.trigger(line.dag_id("open_data"), release="v1")
    line.coordinator.settle(line.question("open_data", "coordinator", run), "approve")
    line.officer.settle(line.question("open_data", "officer", run), "approve")
    done = line.ended(run)
    line.check("Open Data: approved by two people, published", "" if done.state == "success" else done.state)
    folder = line.site.folder(line.site.package("open", "v1"))
    line.check("the Open Data package verifies", "; ".join(steps.verify_open(folder, None)))
    line.check("mlcroissant loads its records", _croissant(folder))


def _croissant(folder: Path) -> str:
    import mlcroissant as mlc

    logging.disable(logging.WARNING)  # it tells of every step
    dataset = mlc.Dataset(jsonld=str(folder / "croissant.json"))
    sets = [one.uuid for one in dataset.metadata.record_sets]
    counts = {name: sum(1 for _ in dataset.records(record_set=name)) for name in sets}
    logging.disable(logging.NOTSET)
    return "" if counts and all(counts.values()) else f"records: {counts}"


def _recall(line: Line) -> None:
    patient = cohort.recalled()
    path, content = cohort.recall_request(patient)
    drop = line.site.challenge.centre("corvane").drop
    with open_source(line.site.connect(drop.connection), drop.path) as source:
        source.write(path, io.BytesIO(content))
    line.say("corvane asks that one patient's data be erased")
    run = line.engineer.trigger(line.dag_id("recall"))
    line.officer.settle(line.question("recall", "officer", run), "approve")
    done = line.ended(run)
    line.check("recall: approved by the officer, carried out", "" if done.state == "success" else done.state)
    for kind, verify in (("release", steps.verify_release), ("open", steps.verify_open)):
        folder = line.site.folder(line.site.package(kind, "v1"))  # type: ignore[arg-type]
        line.check(f"{kind} v1, made anew, verifies", "; ".join(verify(folder, None)))


def _without_the_recalled(line: Line, before: Sequence[str]) -> None:
    """The recalled image's pixels are nowhere any more, where the same search found them before."""
    line.check("before the recall its search found copies in every place", _lacking(before))
    found = _holding(line)
    line.check("after it, the patient's pixels are in no zone, bucket or host", ", ".join(found[:5]))


#: Places of which each must hold the recalled patient's pixels before the recall.
_PLACES = ("landing", "curated", "release", "open", "hdh", "host-sftp", "host-s3", "public")


def _lacking(found: Sequence[str]) -> str:
    places = {one.partition(":")[0] for one in found}
    return ", ".join(place for place in _PLACES if place not in places)


def _holding(line: Line) -> list[str]:
    """Where the recalled patient's pixels are: ``<place>: <name>``."""
    pixels, site = _pixels(cohort.deposits()["corvane"].files), line.site
    found = []
    for zone in _PLACES[:4]:
        files = (path for path in (line.stack.state / zone).rglob("*") if path.is_file())
        found += [f"{zone}: {path.name}" for path in files if pixels in path.read_bytes()]
    buckets = {"hdh": site.challenge.hdh, **{host.id: host.place for host in _hosts(line)}}
    if site.challenge.open_data:
        buckets["public"] = site.challenge.open_data.place
    for name, place in buckets.items():
        found += [f"{name}: {key}" for key, content in _objects(site, place) if pixels in content]
    return found


def _pixels(files: Mapping[str, bytes]) -> bytes:
    """A stretch of the recalled patient's pixel data, as it was deposited."""
    image = files[f"{cohort.FOLDER}/images/RX005.dcm"]
    return image[-2048:]


def _hosts(line: Line) -> Sequence[Host]:
    return line.site.challenge.release.destinations if line.site.challenge.release else ()


def _keys(site: ChallengeSite, place: Place) -> list[str]:
    with open_destination(site.connect(place.connection), place.path) as destination:
        return list(destination.list_keys())


def _objects(site: ChallengeSite, place: Place) -> Iterator[tuple[str, bytes]]:
    with open_destination(site.connect(place.connection), place.path) as destination:
        for key in destination.list_keys():
            yield key, destination.read(key)


def _at_host(line: Line, host: Host, label: str) -> str:
    """A host's objects of a version, against their own ``SHA256SUMS``."""
    held = {key: content for key, content in _objects(line.site, host.place) if f"/{label}/" in f"/{key}"}
    manifests = sorted((key for key in held if key.rpartition("/")[2] == SUMS_NAME), key=len)
    if not manifests:
        return "no manifest"
    # The first one is the host's own; the signed one of the release lies below it, and is listed there.
    prefix = manifests[0].removesuffix(SUMS_NAME)
    sums = read_sums(held.pop(manifests[0]))
    names = {key.removeprefix(prefix) for key in held}
    wrong = [name for name in sums if hashlib.sha256(held.get(prefix + name, b"")).hexdigest() != sums[name]]
    stray = sorted(names - set(sums))
    return "; ".join([*(f"{name} differs" for name in wrong[:5]), *(f"{name} is not listed" for name in stray[:5])])


def _labels(line: Line, label: str) -> str:
    """Whether the vault's file opens with the host's key, and holds a label for each case of the test."""
    hidden = line.site.hidden(line.site.package("release", label))
    identity = pyrage.x25519.Identity.from_str(SCORER_KEY)
    for host in _hosts(line):
        content = (hidden / f"labels-{host.id}.age").read_bytes()
        rows = pyrage.decrypt(content, [identity]).decode().strip().splitlines()
        if len(rows) < 2:
            return f"{host.id}: no labels"
    return ""


def places_to_look(line: Line) -> list[str]:
    """Where a person finds what the second act made."""
    site = line.site
    with site.catalogue.read() as connection:
        made = [row for kind in ("release", "open") for row in packages_of(connection, site.challenge.id, kind)]
    found = [f"{row.kind} {row.label}: {site.folder(row)}" for row in made]
    return [*found, f"Homogeneity: {site.reported() / 'homogeneity.html'}"]
