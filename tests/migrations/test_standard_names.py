"""Revision 0005 renames tables and columns: no row, foreign key or encrypted value is lost, up or down."""

import datetime as dt
import importlib.util
from functools import partial
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa

from app import encryption
from app.storage.db import migrations
from app.storage.db.database import Database, Session
from app.storage.review import cases
from app.storage.submissions import submissions
from app.storage.tables.partial_indexes import metadata

Rows = dict[str, dict[str, Any]]
AT = dt.datetime(2026, 11, 30, 12, 30, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def names() -> ModuleType:
    (path,) = (migrations.MIGRATIONS / "versions").glob("*_standard_names.py")
    spec = importlib.util.spec_from_file_location("standard_names", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_row_of_every_table_is_the_same_after_upgrade_and_downgrade(
    database: Database, names: ModuleType
) -> None:
    migrations.migrate(database, "0004")
    database.write_blocking(fill)
    before, schema = read(database), constraints(database)
    assert all(value is not None for row in before.values() for value in row.values())

    migrations.migrate(database, "0005")
    expected = renamed(before, names)
    assert read(database) == expected
    assert expected.keys() == metadata.tables.keys()
    for table, row in expected.items():
        assert row.keys() == set(metadata.tables[table].columns.keys())

    migrations.migrate(database, "0004")
    assert read(database) == before
    assert constraints(database) == schema


def test_every_index_and_constraint_has_the_name_that_the_tables_give_it(database: Database) -> None:
    migrations.migrate(database)
    found = constraints(database)
    for name, table in metadata.tables.items():
        expected = {each.name for each in table.indexes} | {each.name for each in table.constraints}
        assert found[name].keys() == expected, name


def test_rows_are_still_deleted_with_the_row_they_refer_to(database: Database, names: ModuleType) -> None:
    migrations.migrate(database, "0004")
    database.write_blocking(fill)
    migrations.migrate(database, "0005")
    roots = ("submissions", "staff_users", "webhook_endpoints")
    for root in roots:
        database.write_blocking(partial(delete_all, table=metadata.tables[root]))
    dependent = {name for name, table in metadata.tables.items() if table.foreign_keys}
    assert dependent >= {"case_views", "flag_actions", "form_tokens", "webhook_delivery_attempts"}
    assert read(database).keys() == metadata.tables.keys() - dependent - set(roots)


def test_an_audit_event_after_the_upgrade_gets_the_next_id(database: Database) -> None:
    migrations.migrate(database, "0004")
    database.write_blocking(fill)
    migrations.migrate(database, "0005")
    table = metadata.tables["audit_events"]
    row = {"at": AT, "actor_kind": "command", "action": "x", "object_type": "x"}
    database.write_blocking(lambda session: session.execute(sa.insert(table), row) and None)
    ids = database.read_blocking(lambda session: session.execute(sa.select(table.c.id)).scalars().all())
    assert sorted(ids) == [1, 2]


def test_encrypted_values_stay_bound_to_the_names_they_were_written_with() -> None:
    assert encryption.DATA_KEY_PLACE == ("submissions", "data_key")
    assert encryption.KEY_CHECK_PLACE == ("sealing_keys", "proof")
    assert submissions.FLAG_CODE_PLACE == ("flags", "kind")
    for places, table in ((submissions.PLACES, "submissions"), (cases.VERSION_PLACES, "versions")):
        assert places == {
            "answers": (table, "answers"),
            "contact": (table, "contact"),
            "summary_provenance": (table, "trace"),
        }


def reflected(session: Session) -> list[sa.Table]:
    """Return the tables of the database as they are now, referenced ones first."""
    found = sa.MetaData()
    found.reflect(session)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def fill(session: Session) -> None:
    """Insert one row into every table, with a value in every column."""
    for table in reflected(session):
        generated = "seq" if table.name == "audit_events" else None
        columns = [column for column in table.columns if column.name != generated]
        session.execute(sa.insert(table), {column.name: value(column) for column in columns})


def delete_all(session: Session, table: sa.Table) -> None:
    session.execute(sa.delete(table))


def value(column: sa.Column[Any]) -> Any:
    """Return a value of the type of a column, the same for a foreign key and the column it refers to."""
    for key in column.foreign_keys:
        return value(key.column)
    if isinstance(column.type, sa.Boolean):
        return True
    if isinstance(column.type, sa.DateTime):
        return AT + dt.timedelta(seconds=len(column.name))
    if isinstance(column.type, sa.Integer):
        return len(column.name)
    text = f"{column.table.name} {column.name}"
    if isinstance(column.type, sa.LargeBinary):
        return text.encode()
    return text[: getattr(column.type, "length", None)]


def read(database: Database) -> Rows:
    """Return the row of every table that has one."""

    def rows(session: Session) -> Rows:
        found = {
            table.name: session.execute(sa.select(table)).mappings().all() for table in reflected(session)
        }
        return {name: dict(row) for name, (row,) in ((name, rows) for name, rows in found.items() if rows)}

    return database.read_blocking(rows)


def renamed(rows: Rows, names: ModuleType) -> Rows:
    """Return the rows by the new names of their tables and columns."""
    by_table = {names.TABLES.get(table, table): row for table, row in rows.items()}
    return {
        table: {names.COLUMNS.get(table, {}).get(column, column): value for column, value in row.items()}
        for table, row in by_table.items()
    }


def constraints(database: Database) -> dict[str, dict[str, Any]]:
    """Return the indexes, keys and unique constraints of each table, by their names."""

    def found(session: Session) -> dict[str, dict[str, Any]]:
        inspector, tables = sa.inspect(session), {}
        for table in inspector.get_table_names():
            parts: list[Any] = [inspector.get_pk_constraint(table), *inspector.get_foreign_keys(table)]
            parts += inspector.get_unique_constraints(table)
            parts += [each for each in inspector.get_indexes(table) if not each.get("duplicates_constraint")]
            tables[table] = {each["name"]: plain(each) for each in parts}
        return tables

    return database.read_blocking(found)


def plain(part: dict[str, Any]) -> dict[str, Any]:
    """Return a description that can be compared: conditions of partial indexes as text without
    quotes, which SQLite adds to a renamed column."""
    options = {name: str(value).replace('"', "") for name, value in part.get("dialect_options", {}).items()}
    return part | {"dialect_options": options}
