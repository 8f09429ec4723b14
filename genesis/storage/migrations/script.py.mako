"""${message}."""

from __future__ import annotations

from alembic import op

revision = "${up_revision}"
down_revision = "${down_revision}"

UPGRADE = """
"""


def upgrade() -> None:
    """Bring the tables from the revision before to this one."""
    op.get_bind().exec_driver_sql(UPGRADE)
