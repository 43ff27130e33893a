"""`preconsult content`: editions, for their authors and publishers.

Responsible for: the commands check, show, diff and lock. Never: changes an edition.
"""

import sys
from pathlib import Path

import click

from app.cli.context import now
from app.container import open_library
from app.environment import load_settings
from app.errors import StartupError
from app.rules.library import CONTENT, check_lock, edition_folders, load, load_library, write_lock


@click.group("content")
def content_group() -> None:
    """Editions: check, show, diff, lock."""


@content_group.command("check")
@click.argument("path", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
def check_content(path: Path | None) -> None:
    """List every error in the editions below PATH: file, line and what to do."""
    from app.rules.authoring.lint import check  # noqa: PLC0415 - only used by this command

    content = path or load_settings().content_dir or CONTENT
    single = (content / "edition.yaml").exists()
    checked = [content] if single else list(edition_folders(content))
    found = [] if single else check_lock(content)
    for folder in checked:
        found += check(folder, today=now().date())
    for finding in found:
        click.echo(str(finding))
    click.echo(f"{len(checked)} editions checked, {len(found)} findings.", err=True)
    if found or not checked:
        sys.exit(1)


@content_group.command("show")
@click.argument("questionnaire")
@click.argument("version", required=False)
@click.option("--language", help="One that the edition serves.")
def show_content(questionnaire: str, version: str | None, language: str | None) -> None:
    """Show an edition as a reader sees it."""
    from app.rules.authoring.render_text import render_edition  # noqa: PLC0415 - only used by this command

    edition = open_library(load_settings()).find(questionnaire, version)
    if edition is None:
        raise StartupError("There is no such edition.")
    click.echo("\n".join(render_edition(edition, edition.language(language))))


@content_group.command("diff")
@click.argument("old", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("new", type=click.Path(exists=True, file_okay=False, path_type=Path))
def diff_content(old: Path, new: Path) -> None:
    """List what changed in meaning between two edition folders."""
    from app.rules.engine.diff import diff_editions  # noqa: PLC0415 - only used by this command

    for line in diff_editions(load(old), load(new)):
        click.echo(line)


@content_group.command("lock")
def lock_content() -> None:
    """Publish: record the checksum of every edition that has none yet."""
    content = load_settings().content_dir or CONTENT
    for name in write_lock(content):
        click.echo(f"{name} is published; from now on its files stay as they are.")
    load_library(content)
