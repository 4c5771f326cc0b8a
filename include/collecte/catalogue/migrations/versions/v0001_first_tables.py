"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit_head",
        sa.Column("chain", sa.String(length=60), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "challenge",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_challenge")),
    )
    op.create_table(
        "event",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("chain", sa.String(length=60), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("shard", sa.String(length=60), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("moves", sa.JSON(), nullable=False),
        sa.Column("leaves", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("chain", "seq", name=op.f("uq_event_chain_seq")),
    )
    op.create_table(
        "id_block",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_id_block")),
    )
    op.create_table(
        "centre",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("challenge_id", sa.String(length=40), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["challenge_id"], ["challenge.id"], name=op.f("fk_centre_challenge_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_centre")),
        sa.UniqueConstraint("challenge_id", "code", name=op.f("uq_centre_challenge_id_code")),
    )
    op.create_table(
        "delivery",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("centre_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("folder_digest", sa.String(length=64), nullable=False),
        sa.Column("folder_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("listing_digest", sa.String(length=64), nullable=True),
        sa.Column("unchanged_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("complete_by", sa.String(length=10), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('waiting','collecting','accepted','shipped')", name=op.f("ck_delivery_state")),
        sa.ForeignKeyConstraint(["centre_id"], ["centre.id"], name=op.f("fk_delivery_centre_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("centre_id", "number", name=op.f("uq_delivery_centre_id_number")),
    )
    op.create_index(
        op.f("ix_delivery_centre_id_folder_digest"), "delivery", ["centre_id", "folder_digest"], unique=False
    )
    op.create_table(
        "subject",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("centre_id", ID, nullable=False),
        sa.Column("pseudonym", sa.String(length=24), nullable=False),
        sa.ForeignKeyConstraint(["centre_id"], ["centre.id"], name=op.f("fk_subject_centre_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subject")),
        sa.UniqueConstraint("centre_id", "pseudonym", name=op.f("uq_subject_centre_id_pseudonym")),
    )
    op.create_table(
        "identifier",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("subject_id", ID, nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_identifier_delivery_id")),
        sa.ForeignKeyConstraint(["subject_id"], ["subject.id"], name=op.f("fk_identifier_subject_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identifier")),
        sa.UniqueConstraint("digest", name=op.f("uq_identifier_digest")),
    )
    op.create_index(op.f("ix_identifier_delivery_id"), "identifier", ["delivery_id"], unique=False)
    op.create_index(op.f("ix_identifier_subject_id"), "identifier", ["subject_id"], unique=False)
    op.create_table(
        "object",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("key_digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_object_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_object")),
        sa.UniqueConstraint("delivery_id", "kind", "key_digest", name=op.f("uq_object_delivery_id_kind_key_digest")),
    )
    op.create_table(
        "shard",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("of", sa.Integer(), nullable=False),
        sa.Column("first_file", ID, nullable=True),
        sa.Column("last_file", ID, nullable=True),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counts", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_shard_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shard")),
        sa.UniqueConstraint("delivery_id", "step", "number", name=op.f("uq_shard_delivery_id_step_number")),
    )
    op.create_table(
        "shipment",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("destination", sa.String(length=16), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_shipment_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipment")),
        sa.UniqueConstraint("delivery_id", "destination", name=op.f("uq_shipment_delivery_id_destination")),
    )
    op.create_table(
        "file",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("object_id", ID, nullable=True),
        sa.Column("origin_id", ID, nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=True),
        sa.Column("points_to", ID, nullable=True),
        sa.Column("path_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("path_digest", sa.String(length=64), nullable=False),
        sa.Column("name_digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime", sa.BigInteger(), nullable=True),
        sa.Column("expected", sa.String(length=140), nullable=True),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("landing", sa.String(length=200), nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=True),
        sa.Column("logical_digest", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=300), nullable=True),
        sa.Column("safe_sha256", sa.String(length=64), nullable=True),
        sa.Column("safe_size", sa.BigInteger(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting','accepted','quarantined','duplicate','superseded','rejected','expired','recalled')",
            name=op.f("ck_file_state"),
        ),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_file_delivery_id")),
        sa.ForeignKeyConstraint(["object_id"], ["object.id"], name=op.f("fk_file_object_id")),
        sa.ForeignKeyConstraint(["origin_id"], ["file.id"], name=op.f("fk_file_origin_id")),
        sa.ForeignKeyConstraint(["points_to"], ["file.id"], name=op.f("fk_file_points_to")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file")),
    )
    op.create_index(op.f("ix_file_delivery_id_name_digest"), "file", ["delivery_id", "name_digest"], unique=False)
    op.create_index(op.f("ix_file_delivery_id_path_digest"), "file", ["delivery_id", "path_digest"], unique=False)
    op.create_index(op.f("ix_file_logical_digest"), "file", ["logical_digest"], unique=False)
    op.create_index(op.f("ix_file_object_id"), "file", ["object_id"], unique=False)
    op.create_index(
        op.f("ix_file_origin_id"),
        "file",
        ["origin_id"],
        unique=False,
        sqlite_where=sa.text("origin_id IS NOT NULL"),
        postgresql_where=sa.text("origin_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_file_points_to"),
        "file",
        ["points_to"],
        unique=False,
        sqlite_where=sa.text("points_to IS NOT NULL"),
        postgresql_where=sa.text("points_to IS NOT NULL"),
    )
    op.create_index(op.f("ix_file_sha256"), "file", ["sha256"], unique=False)
    op.create_table(
        "object_subject",
        sa.Column("object_id", ID, nullable=False),
        sa.Column("subject_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["object_id"], ["object.id"], name=op.f("fk_object_subject_object_id")),
        sa.ForeignKeyConstraint(["subject_id"], ["subject.id"], name=op.f("fk_object_subject_subject_id")),
        sa.PrimaryKeyConstraint("object_id", "subject_id", name=op.f("pk_object_subject")),
    )
    op.create_index(op.f("ix_object_subject_subject_id"), "object_subject", ["subject_id"], unique=False)
    op.create_table(
        "file_subject",
        sa.Column("file_id", ID, nullable=False),
        sa.Column("subject_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"], name=op.f("fk_file_subject_file_id")),
        sa.ForeignKeyConstraint(["subject_id"], ["subject.id"], name=op.f("fk_file_subject_subject_id")),
        sa.PrimaryKeyConstraint("file_id", "subject_id", name=op.f("pk_file_subject")),
    )
    op.create_index(op.f("ix_file_subject_subject_id"), "file_subject", ["subject_id"], unique=False)
    op.create_table(
        "finding",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("file_id", ID, nullable=True),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_finding_delivery_id")),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"], name=op.f("fk_finding_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
    )
    op.create_index(op.f("ix_finding_delivery_id"), "finding", ["delivery_id"], unique=False)
    op.create_index(op.f("ix_finding_file_id"), "finding", ["file_id"], unique=False)
    op.create_table(
        "receipt",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("shipment_id", ID, nullable=False),
        sa.Column("file_id", ID, nullable=True),
        sa.Column("key", sa.String(length=600), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("version_id", sa.String(length=200), nullable=True),
        sa.Column("etag", sa.String(length=200), nullable=True),
        sa.Column("proof", sa.String(length=10), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"], name=op.f("fk_receipt_file_id")),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipment.id"], name=op.f("fk_receipt_shipment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt")),
        sa.UniqueConstraint("shipment_id", "key", name=op.f("uq_receipt_shipment_id_key")),
    )
    op.create_index(op.f("ix_receipt_file_id"), "receipt", ["file_id"], unique=False)
