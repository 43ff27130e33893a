"""SQLite dialect that is equal for every engine (dialects.py); imported by the first engine that needs it."""

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from app.storage.db.dialects import Shared


class Sqlite(Shared, SQLiteDialect_pysqlite):
    supports_statement_cache = True
