"""The one catalogue of tables. Each room adds its own tables to it in its ``tables.py``."""

import sqlalchemy as sa

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = sa.MetaData(naming_convention=NAMING)

RANGE_KEY = "range_key"
"""In a table's ``info``: the column by whose ranges PostgreSQL partitions it. Updates then say which range it is."""
