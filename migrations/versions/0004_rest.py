"""Tasks sent over REST: what their senders call them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"


def upgrade():
    text = sa.String(length=200).with_variant(
        mysql.VARCHAR(200, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
    )
    op.add_column("tasks", sa.Column("clientId", text, nullable=True))


def downgrade():
    op.drop_column("tasks", "clientId")
