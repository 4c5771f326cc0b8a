"""What becomes of accepted files: homogeneity, packages and their receipts, decisions, recalls."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "decision",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("challenge_id", sa.String(length=40), nullable=False),
        sa.Column("about", sa.String(length=60), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=30), nullable=False),
        sa.Column("login", sa.String(length=200), nullable=False),
        sa.Column("answer", sa.String(length=20), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["challenge_id"], ["challenge.id"], name=op.f("fk_decision_challenge_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
    )
    op.create_index(op.f("ix_decision_challenge_id_about"), "decision", ["challenge_id", "about"], unique=False)
    op.create_table(
        "homogeneity",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("challenge_id", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=8), nullable=False),
        sa.Column("red", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("verdict IN ('green','amber','red')", name=op.f("ck_homogeneity_verdict")),
        sa.ForeignKeyConstraint(["challenge_id"], ["challenge.id"], name=op.f("fk_homogeneity_challenge_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_homogeneity")),
        sa.UniqueConstraint("challenge_id", "digest", name=op.f("uq_homogeneity_challenge_id_digest")),
    )
    op.create_table(
        "job",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("challenge_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["challenge_id"], ["challenge.id"], name=op.f("fk_job_challenge_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("challenge_id", "name", name=op.f("uq_job_challenge_id_name")),
    )
    op.create_table(
        "package",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("challenge_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("release_id", ID, nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("replaces", sa.String(length=64), nullable=True),
        sa.Column("inputs", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('release','open')", name=op.f("ck_package_kind")),
        sa.CheckConstraint("state IN ('making','frozen')", name=op.f("ck_package_state")),
        sa.ForeignKeyConstraint(["challenge_id"], ["challenge.id"], name=op.f("fk_package_challenge_id")),
        sa.ForeignKeyConstraint(["release_id"], ["package.id"], name=op.f("fk_package_release_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_package")),
        sa.UniqueConstraint("challenge_id", "kind", "version", name=op.f("uq_package_challenge_id_kind_version")),
    )
    op.create_table(
        "package_shipment",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("package_id", ID, nullable=False),
        sa.Column("destination", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["package_id"], ["package.id"], name=op.f("fk_package_shipment_package_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_package_shipment")),
        sa.UniqueConstraint(
            "package_id", "destination", "digest", name=op.f("uq_package_shipment_package_id_destination_digest")
        ),
    )
    op.create_table(
        "recall",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("challenge_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("centre_id", ID, nullable=False),
        sa.Column("request", sa.String(length=12), nullable=False),
        sa.Column("scope", sa.String(length=10), nullable=False),
        sa.Column("target", ID, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("plan", sa.JSON(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("request IN ('opposition','erasure')", name=op.f("ck_recall_request")),
        sa.CheckConstraint("scope IN ('subject','object','file','delivery')", name=op.f("ck_recall_scope")),
        sa.CheckConstraint("state IN ('asked','planned','removed','closed')", name=op.f("ck_recall_state")),
        sa.ForeignKeyConstraint(["centre_id"], ["centre.id"], name=op.f("fk_recall_centre_id")),
        sa.ForeignKeyConstraint(["challenge_id"], ["challenge.id"], name=op.f("fk_recall_challenge_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recall")),
        sa.UniqueConstraint("challenge_id", "number", name=op.f("uq_recall_challenge_id_number")),
    )
    op.create_table(
        "package_receipt",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("shipment_id", ID, nullable=False),
        sa.Column("key", sa.String(length=600), nullable=False),
        sa.Column("path", sa.String(length=300), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("version_id", sa.String(length=200), nullable=True),
        sa.Column("etag", sa.String(length=200), nullable=True),
        sa.Column("proof", sa.String(length=10), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["shipment_id"], ["package_shipment.id"], name=op.f("fk_package_receipt_shipment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_package_receipt")),
        sa.UniqueConstraint("shipment_id", "key", name=op.f("uq_package_receipt_shipment_id_key")),
    )
    op.create_table(
        "refused",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("centre_id", ID, nullable=False),
        sa.Column("recall_id", ID, nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["centre_id"], ["centre.id"], name=op.f("fk_refused_centre_id")),
        sa.ForeignKeyConstraint(["recall_id"], ["recall.id"], name=op.f("fk_refused_recall_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refused")),
        sa.UniqueConstraint("centre_id", "digest", name=op.f("uq_refused_centre_id_digest")),
    )
    op.create_table(
        "package_file",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("package_id", ID, nullable=False),
        sa.Column("file_id", ID, nullable=True),
        sa.Column("path", sa.String(length=300), nullable=False),
        sa.Column("part", sa.String(length=8), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"], name=op.f("fk_package_file_file_id")),
        sa.ForeignKeyConstraint(["package_id"], ["package.id"], name=op.f("fk_package_file_package_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_package_file")),
    )
    op.create_index(op.f("ix_package_file_file_id"), "package_file", ["file_id"], unique=False)
    op.create_index(op.f("ix_package_file_package_id_path"), "package_file", ["package_id", "path"], unique=False)
