"""PostgreSQL dialect that is equal for every engine (dialects.py); imported by the first engine that needs
it.
"""

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from app.storage.db.dialects import Shared


class Postgres(Shared, PGDialect_psycopg):
    supports_statement_cache = True
