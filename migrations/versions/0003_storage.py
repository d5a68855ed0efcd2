"""How much each space holds, measured now and then by the worker."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade():
    op.add_column("users", sa.Column("storageBytes", sa.BigInteger(), nullable=True))
    op.add_column("users", sa.Column("storageAt", TIME, nullable=True))


def downgrade():
    op.drop_column("users", "storageAt")
    op.drop_column("users", "storageBytes")
