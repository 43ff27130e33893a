"""A group of commands that are imported when they are used (Click, "Lazily Loading Subcommands").

Responsible for: names and help of the commands without their modules, and one line with exit status 1 for
an expected error. Never: imports a library to list the commands.
"""

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import click

from app.errors import Problem, StartupError

Table = Mapping[str, tuple[str, str]]


class Commands(Mapping[str, click.Command]):
    """The commands of a table, each imported by the first lookup of its name."""

    def __init__(self, package: str, table: Table) -> None:
        self._package, self._table = package, table

    def __getitem__(self, name: str) -> click.Command:
        module, _, attribute = self._table[name][0].partition(":")
        command: click.Command = getattr(import_module(f"{self._package}.{module}"), attribute)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


class LazyGroup(click.Group):
    """Lists the commands of `table` without importing them, and turns the expected errors of a command into
    one line.
    """

    def __init__(self, *args: Any, package: str, table: Table, **more: Any) -> None:
        super().__init__(*args, **more)
        self.commands = Commands(package, table)  # type: ignore[assignment] # Click only reads it
        self._listed = click.Group(
            commands=[click.Command(name, help=summary) for name, (_, summary) in table.items()]
        )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self._listed.format_commands(ctx, formatter)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise  # Click's own messages and exit statuses
        except Exception as error:
            line = _line(error)
            if line is None:
                raise
        click.echo(f"preconsult: {line}", err=True)
        sys.exit(1)


def _line(error: Exception) -> str | None:
    """Return the message for an operator, or None for an unexpected error."""
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - only needed when there is an error

    from app.rules.authoring.edition_files import InvalidContent  # noqa: PLC0415 - the same

    if isinstance(error, StartupError | InvalidContent | Problem):
        return str(error)
    if isinstance(error, SQLAlchemyError):
        cause = getattr(error, "orig", None) or error  # the driver's class names say more: LockNotAvailable
        return f"The database can't be used ({type(cause).__name__}); see PRECONSULT_DATABASE_URL."
    if isinstance(error, OSError):
        return f"{error.filename or 'A file'} can't be used: {error.strerror}."
    return None
