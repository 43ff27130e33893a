"""Capabilities of the hosted form, and why a submission may be no person's.

Why: sessions and links back in open one submission for a while; a form that looks like a robot's is marked,
never dropped. Runs with the previous release still serving: it knows neither, and both may be absent.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("submissions", sa.Column("quarantine", sa.String(length=100), nullable=True))
    op.create_table(
        "capabilities",
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("submission_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_capabilities_submission_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("secret_hash", name="pk_capabilities"),
    )
    op.create_index("ix_capabilities_expires_at", "capabilities", ["expires_at"], unique=False)
    op.create_index("ix_capabilities_submission_id", "capabilities", ["submission_id"], unique=False)


def downgrade() -> None:
    op.drop_table("capabilities")
    op.drop_column("submissions", "quarantine")
