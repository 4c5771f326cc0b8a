"""The grammar of ids: DAG ids, asset names, partition keys, tags; in one place, so that a link can take them apart.

=====================  ======================================  =================================
what                   form                                    example
=====================  ======================================  =================================
DAG, centre's          ``<stage>__<challenge>__<centre>``      ``collect__cervix-2027__arvel``
DAG, challenge's       ``<stage>__<challenge>``                ``ship_hdh__cervix-2027``
asset                  ``<name>/<challenge>``                  ``accepted/cervix-2027``
asset, centre's        ``<name>/<challenge>/<centre>``         ``arrived/cervix-2027/arvel``
partition key          ``<centre>/<delivery>``                 ``arvel/d0001``
=====================  ======================================  =================================

Challenge and centre ids hold no underscore and no slash (:mod:`collecte.challenge`), so each form can be taken apart.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow.sdk import Asset, AssetWatcher

from collecte.errors import NeedsPerson

_PARTITION = re.compile(r"([a-z][a-z0-9-]{0,39})/(d\d{4,})")
#: A version of a release or an Open Data package, as a person types it.
VERSION_PATTERN = r"^v\d{1,6}$"
#: What a recall is about: a subject, an object, a file's object, a delivery.
TARGET_PATTERN = r"^([sof]\d{1,18}|d\d{4,})$"
#: What a person may type into the form's delivery field; JSON Schema and Python read it alike.
DELIVERY_PATTERN = r"^d\d{4,}$"


def dag_id(stage: str, challenge_id: str, centre_id: str | None = None) -> str:
    """The DAG id of a stage (``collect``, ``ship_hdh``) for a challenge, or for one of its centres."""
    return "__".join(part for part in (stage, challenge_id, centre_id) if part is not None)


def read_dag_id(identifier: str) -> tuple[str, str, str | None]:
    """Stage, challenge and centre (None: the challenge's own DAG) of a DAG id.

    ``housekeeping``, which belongs to no challenge, gives an empty challenge.
    """
    stage, _, rest = identifier.partition("__")
    challenge_id, _, centre_id = rest.partition("__")
    return stage, challenge_id, centre_id or None


def tags(stage: str, challenge_id: str, centre_id: str | None = None) -> list[str]:
    """The tags by which the UI's list is filtered."""
    names = (("centre", centre_id), ("challenge", challenge_id), ("stage", stage))
    return [f"{name}:{value}" for name, value in names if value]


def arrived(challenge_id: str, centre_id: str, watchers: Iterable[AssetWatcher] = ()) -> Asset:
    """Deliveries that are complete in a centre's drop."""
    return _asset(f"arrived/{challenge_id}/{centre_id}", watchers)


def accepted(challenge_id: str) -> Asset:
    """Batches that passed every gate into curated; one partition a delivery."""
    return _asset(f"accepted/{challenge_id}")


def shipped_to_hdh(challenge_id: str) -> Asset:
    """Batches that are proved to be in the HDH bucket; one partition a delivery."""
    return _asset(f"hdh/{challenge_id}")


def judged(challenge_id: str) -> Asset:
    """Whether the centres' data belong together, found anew."""
    return _asset(f"homogeneity/{challenge_id}")


def released(challenge_id: str) -> Asset:
    """Releases that are proved to be at every competition host."""
    return _asset(f"released/{challenge_id}")


def published(challenge_id: str) -> Asset:
    """Open Data packages that are proved to be public."""
    return _asset(f"published/{challenge_id}")


def _asset(name: str, watchers: Iterable[AssetWatcher] = ()) -> Asset:
    """An asset whose URI is its name: for one with a scheme Airflow imports every provider, boto3 and all, at parse."""
    return Asset(name=name, group="collecte", watchers=list(watchers))


def partition_key(centre_id: str, delivery: str) -> str:
    return f"{centre_id}/{delivery}"


def read_partition_key(key: str | None) -> tuple[str, str]:
    """Centre and delivery of a partition key.

    Raises:
        NeedsPerson: there is none (somebody started the run by hand without one), or it has another form.
    """
    match = _PARTITION.fullmatch(key or "")
    if not match:
        raise NeedsPerson(
            "This run has no partition key of the form <centre>/<delivery>, so it is not known what to ship.",
            "runs start by themselves when a delivery is accepted; to ship one again, press Trigger, open Advanced "
            "Options and fill in Partition Key, such as arvel/d0001.",
        )
    return match[1], match[2]


def shard_of(ref: Mapping[str, Any], step: str) -> str:
    """The shard of another step with the same cut: ``d0001/make_safe/3`` → ``d0001/describe/3``."""
    delivery, _, number = str(ref["shard"]).split("/")
    return f"{delivery}/{step}/{number}"


def deliveries_of(refs: Iterable[Mapping[str, Any]]) -> list[str]:
    """The deliveries that shards belong to, each once: ``[{"shard": "d0001/receive/3", …}]`` → ``["d0001"]``."""
    return sorted({str(ref["shard"]).partition("/")[0] for ref in refs})
