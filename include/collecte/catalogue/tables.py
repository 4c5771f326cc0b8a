"""The catalogue's tables.

Identifying text stands here only *sealed* (AES-GCM, key id beside it) or as a keyed digest (hex) for comparison. Ids
are given by us before the insert (a sealed cell is bound to its row's id). Times are aware, in UTC, to the
microsecond.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

from collecte.errors import Bug
from collecte.records import State

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_Id = BigInteger().with_variant(Integer(), "sqlite")


class Instant(TypeDecorator[datetime]):
    """An aware time in UTC; SQLite, which keeps no zone, gives back the same value as PostgreSQL."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise Bug("A time without a zone was about to enter the catalogue.")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))


def _id() -> Column[int]:
    return Column("id", _Id, primary_key=True, autoincrement=False)


def _to(table: str, name: str | None = None, *, optional: bool = False, index: bool = False) -> Column[int]:
    return Column(name or f"{table}_id", _Id, ForeignKey(f"{table}.id"), nullable=optional, index=index)


challenge = Table("challenge", metadata, Column("id", String(40), primary_key=True))

centre = Table(
    "centre",
    metadata,
    _id(),
    Column("challenge_id", String(40), ForeignKey("challenge.id"), nullable=False),
    Column("code", String(40), nullable=False),
    UniqueConstraint("challenge_id", "code"),
)

delivery = Table(
    "delivery",
    metadata,
    _id(),
    _to("centre"),
    Column("number", Integer, nullable=False, doc="d0001 is number 1 of its centre"),
    Column(
        "folder_digest", String(64), nullable=False, doc="keyed; of the drop's folder (or of the day, for loose files)"
    ),
    Column("folder_sealed", LargeBinary, nullable=False),
    Column("key_id", String(16), nullable=False),
    Column("state", String(12), nullable=False, doc="waiting, collecting, accepted, shipped"),
    Column("listing_digest", String(64), doc="keyed; of names, sizes and times as last seen"),
    Column("unchanged_since", Instant, doc="by our clock: the listing has been this one since"),
    Column("complete_by", String(10), doc="manifest, marker or quiet"),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("centre_id", "number"),
    CheckConstraint("state IN ('waiting','collecting','accepted','shipped')", name="state"),
    Index(None, "centre_id", "folder_digest"),
)

object_ = Table(
    "object",
    metadata,
    _id(),
    _to("delivery"),
    Column("kind", String(12), nullable=False),
    Column("key_digest", String(64), nullable=False, doc="keyed; of what groups its files, a SeriesInstanceUID"),
    UniqueConstraint("delivery_id", "kind", "key_digest"),
)

subject = Table(
    "subject",
    metadata,
    _id(),
    _to("centre"),
    Column("pseudonym", String(24), nullable=False),
    UniqueConstraint("centre_id", "pseudonym"),
)

object_subject = Table(
    "object_subject",
    metadata,
    Column("object_id", _Id, ForeignKey("object.id"), primary_key=True),
    Column("subject_id", _Id, ForeignKey("subject.id"), primary_key=True, index=True),
)

file = Table(
    "file",
    metadata,
    _id(),
    _to("delivery"),
    _to("object", optional=True, index=True),
    _to("file", "origin_id", optional=True),
    Column("state", String(12), nullable=False),
    Column("reason", String(60), doc="code of the finding that decided the state"),
    _to("file", "points_to", optional=True),
    Column("path_sealed", LargeBinary, nullable=False, doc="relative to the drop (of a member: to its archive)"),
    Column("key_id", String(16), nullable=False),
    Column("path_digest", String(64), nullable=False, doc="keyed; of the path in the drop"),
    Column(
        "name_digest",
        String(64),
        nullable=False,
        doc="keyed; of the case-folded NFC base name, for references in tables",
    ),
    Column("size", BigInteger, nullable=False, doc="bytes, as listed"),
    Column("mtime", BigInteger, doc="nanoseconds since 1970, by the drop's clock"),
    Column("expected", String(140), doc="algorithm:hex from the centre's manifest"),
    Column("replaces", Text, doc="keyed digests of the paths that its manifest says it replaces, by spaces"),
    Column("sha256", String(64), index=True, doc="as received"),
    Column("landing", String(200), doc="our path in landing, without anything of the centre's"),
    Column("kind", String(12)),
    Column("logical_digest", String(64), doc="keyed; of the SOPInstanceUID"),
    Column("name", String(300), doc="output path, pseudonymous"),
    Column("safe_sha256", String(64)),
    Column("safe_size", BigInteger),
    Column("salt", LargeBinary, nullable=False, doc="16 bytes: salts its leaves in the events"),
    CheckConstraint(f"state IN ({','.join(repr(s.value) for s in State)})", name="state"),
    Index(None, "delivery_id", "path_digest"),
    Index(None, "delivery_id", "name_digest"),
    Index(None, "logical_digest"),
    # Few files have either; without these an erased row would be looked for in the whole table.
    Index(
        None, "origin_id", sqlite_where=text("origin_id IS NOT NULL"), postgresql_where=text("origin_id IS NOT NULL")
    ),
    Index(
        None, "points_to", sqlite_where=text("points_to IS NOT NULL"), postgresql_where=text("points_to IS NOT NULL")
    ),
)

file_subject = Table(
    "file_subject",
    metadata,
    Column("file_id", _Id, ForeignKey("file.id"), primary_key=True),
    Column("subject_id", _Id, ForeignKey("subject.id"), primary_key=True, index=True),
)

identifier = Table(
    "identifier",
    metadata,
    _id(),
    _to("delivery", index=True),
    _to("subject", optional=True, index=True),
    Column("kind", String(12), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("key_id", String(16), nullable=False),
    Column("digest", String(64), nullable=False, doc="keyed; over delivery, kind, subject and value: one row for each"),
    UniqueConstraint("digest"),
)

finding = Table(
    "finding",
    metadata,
    _id(),
    _to("delivery", index=True),
    _to("file", optional=True, index=True),
    Column("step", String(16), nullable=False),
    Column("code", String(60), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("place", String(200), nullable=False),
    Column("count", Integer, nullable=False),
    Column("values", JSON, nullable=False),
    Column("at", Instant, nullable=False),
)

shard = Table(
    "shard",
    metadata,
    _id(),
    _to("delivery"),
    Column("step", String(16), nullable=False),
    Column("number", Integer, nullable=False, doc="from 1"),
    Column("of", Integer, nullable=False),
    # No foreign keys: a shard outlives the erasure of the files at its ends.
    Column("first_file", _Id),
    Column("last_file", _Id),
    Column("files", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False, doc="the lease: only this attempt may write"),
    Column("done_at", Instant),
    Column("counts", JSON(none_as_null=True)),
    UniqueConstraint("delivery_id", "step", "number"),
)

shipment = Table(
    "shipment",
    metadata,
    _id(),
    _to("delivery"),
    Column("destination", String(16), nullable=False),
    Column("done_at", Instant),
    Column("manifest_sha256", String(64)),
    UniqueConstraint("delivery_id", "destination"),
)

receipt = Table(
    "receipt",
    metadata,
    _id(),
    _to("shipment"),
    _to("file", optional=True, index=True),
    Column("key", String(600), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("version_id", String(200)),
    Column("etag", String(200)),
    Column("proof", String(10), nullable=False, doc="server (it rejects wrong sums, HEAD agrees) or readback"),
    Column("at", Instant, nullable=False),
    UniqueConstraint("shipment_id", "key"),
)

event = Table(
    "event",
    metadata,
    _id(),
    Column("chain", String(60), nullable=False, doc="challenge:<id> or delivery:<id>"),
    Column("seq", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("step", String(16), nullable=False),
    Column("shard", String(60), nullable=False, doc="d0001/receive/3; of an anchor: the chain that it anchors"),
    Column("attempt", Integer, nullable=False),
    Column("counts", JSON, nullable=False, doc="as the step counted"),
    Column(
        "moves", JSON, nullable=False, doc="rows by transition, {'waiting>accepted': 214}: they sum up to the states"
    ),
    Column(
        "leaves",
        LargeBinary,
        nullable=False,
        doc="16 bytes for each row moved, in the order of their ids; of an anchor: the hash",
    ),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("chain", "seq"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("chain", String(60), primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)

#: Hands out ids before the insert: one row a table, moved on by whole blocks.
id_block = Table(
    "id_block",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("next", BigInteger, nullable=False),
)

# --- what becomes of accepted files: a challenge's own work


def _of_challenge() -> Column[str]:
    return Column("challenge_id", String(40), ForeignKey("challenge.id"), nullable=False)


#: A piece of a challenge's own work, by name: the lease of the attempt that may write about it.
job = Table(
    "job",
    metadata,
    _id(),
    _of_challenge(),
    Column("name", String(80), nullable=False, doc="release/v1/freeze, release/v1/ship/host-sftp, recall/1/remove"),
    Column("attempt", Integer, nullable=False),
    Column("done_at", Instant),
    Column("counts", JSON(none_as_null=True)),
    UniqueConstraint("challenge_id", "name"),
)

package = Table(
    "package",
    metadata,
    _id(),
    _of_challenge(),
    Column("kind", String(10), nullable=False, doc="release, open"),
    Column("version", Integer, nullable=False, doc="v1 is number 1 of its challenge and kind"),
    _to("package", "release_id", optional=True),
    Column("state", String(10), nullable=False, doc="making, frozen"),
    Column("digest", String(64), doc="SHA-256 of its SHA256SUMS, once it is frozen"),
    Column("replaces", String(64), doc="the digest that it had before a recall"),
    Column("inputs", String(64), nullable=False, doc="digest over what it is made of"),
    Column("created_at", Instant, nullable=False),
    Column("frozen_at", Instant),
    UniqueConstraint("challenge_id", "kind", "version"),
    CheckConstraint("kind IN ('release','open')", name="kind"),
    CheckConstraint("state IN ('making','frozen')", name="state"),
)

package_file = Table(
    "package_file",
    metadata,
    _id(),
    _to("package"),
    _to("file", optional=True, index=True),
    Column("path", String(300), nullable=False, doc="in the package; a table merged of several files: a row for each"),
    Column("part", String(8), nullable=False, doc="train, test, or nothing"),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Index(None, "package_id", "path"),
)

package_shipment = Table(
    "package_shipment",
    metadata,
    _id(),
    _to("package"),
    Column("destination", String(40), nullable=False),
    Column("digest", String(64), nullable=False, doc="of the package that was sent"),
    Column("done_at", Instant),
    UniqueConstraint("package_id", "destination", "digest"),
)

package_receipt = Table(
    "package_receipt",
    metadata,
    _id(),
    _to("package_shipment", "shipment_id"),
    Column("key", String(600), nullable=False),
    Column("path", String(300), nullable=False, doc="in the package; empty: a document of the layout's"),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("version_id", String(200)),
    Column("etag", String(200)),
    Column("proof", String(10), nullable=False, doc="server or readback"),
    Column("at", Instant, nullable=False),
    UniqueConstraint("shipment_id", "key"),
)

decision = Table(
    "decision",
    metadata,
    _id(),
    _of_challenge(),
    Column("about", String(60), nullable=False, doc="release/v1, open/v1, recall/1, homogeneity"),
    Column("digest", String(64), nullable=False, doc="of what was shown"),
    Column("role", String(30), nullable=False),
    Column("login", String(200), nullable=False, doc="as the challenge file names it"),
    Column("answer", String(20), nullable=False, doc="approve, reject, accept, leave_out_centre, leave_out_fact"),
    Column("value", String(200), nullable=False, doc="the centre or the fact"),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("salt", LargeBinary, nullable=False, doc="16 bytes: salts its leaf in the challenge's chain"),
    Index(None, "challenge_id", "about"),
)

homogeneity = Table(
    "homogeneity",
    metadata,
    _id(),
    _of_challenge(),
    Column("digest", String(64), nullable=False, doc="over the accepted files that were judged, and the rules"),
    Column("verdict", String(8), nullable=False, doc="green, amber, red"),
    Column("red", JSON, nullable=False, doc="what is red: [{fact, centre}]"),
    Column("at", Instant, nullable=False),
    UniqueConstraint("challenge_id", "digest"),
    CheckConstraint("verdict IN ('green','amber','red')", name="verdict"),
)

recall = Table(
    "recall",
    metadata,
    _id(),
    _of_challenge(),
    Column("number", Integer, nullable=False),
    _to("centre"),
    Column("request", String(12), nullable=False, doc="opposition, erasure"),
    Column("scope", String(10), nullable=False, doc="subject, object, delivery; file: one without object"),
    # No foreign key: what it names is erased in the end.
    Column("target", _Id, nullable=False, doc="id of the subject, object, file or delivery"),
    Column("state", String(10), nullable=False, doc="asked, planned, removed, closed"),
    Column("digest", String(64), doc="of the plan that was shown"),
    Column("plan", JSON(none_as_null=True), doc="copies by place, in counts and catalogue ids"),
    Column("asked_at", Instant, nullable=False),
    Column("closed_at", Instant),
    UniqueConstraint("challenge_id", "number"),
    CheckConstraint("request IN ('opposition','erasure')", name="request"),
    CheckConstraint("scope IN ('subject','object','file','delivery')", name="scope"),
    CheckConstraint("state IN ('asked','planned','removed','closed')", name="state"),
)

#: Whom reception refuses from a recall on.
refused = Table(
    "refused",
    metadata,
    _id(),
    _to("centre"),
    _to("recall", optional=True),  # none: of somebody who is not known yet
    Column("digest", String(64), nullable=False, doc="keyed; of a subject's pseudonym, or of a file's SHA-256"),
    UniqueConstraint("centre_id", "digest"),
)
