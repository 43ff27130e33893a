"""`preconsult`: the command line. Exit status 0, 1 (one clear line on stderr) or 2 (usage).

Office: serve, migrate, seed, keys, content, openapi, backup. Refuses: to print a secret anywhere but
on stdout, alone, once.
"""

import datetime as dt
import json
import signal
import sys
from functools import partial
from pathlib import Path

import click
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from app.commands import audit_group, opened, purge_due, restore_database, writing
from app.errors import Problem, Refusal
from app.main import build, open_counts, open_library, open_post, open_terms, serve_app
from app.rules.compare import edition_differences
from app.rules.draft import Faulty
from app.rules.library import CONTENT, check_lock, folders, load, load_library, write_lock
from app.rules.lint import check
from app.rules.show import show
from app.services import health, seeding, seeding_staff
from app.services import keys as api_keys
from app.services.access import SCOPES
from app.services.keys import Wanted
from app.services.sealing_keys import open_vault, rotate
from app.services.submissions import Desk
from app.settings import Settings, load_settings
from app.staffing import staff_group
from app.storage import keys, schema
from app.storage.audit import Actor
from app.working import work

COMMAND = Actor("command")


class Cli(click.Group):
    """Turns what is refused into one line and exit status 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (Refusal, Faulty, Problem) as refused:
            told = str(refused)
        except SQLAlchemyError as error:
            told = f"The database can't be used ({type(error).__name__}); see PRECONSULT_DATABASE_URL."
        except OSError as error:
            told = f"{error.filename or 'A file'} can't be used: {error.strerror}."
        click.echo(f"preconsult: {told}", err=True)
        sys.exit(1)


@click.group(cls=Cli)
def main() -> None:
    """A pre-consultation questionnaire service. Information only, never a diagnosis."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64))
def serve(host: str, port: int, workers: int) -> None:
    """Serve the API; migrates first, under a lock, so that replicas may start together."""
    import uvicorn  # noqa: PLC0415 - the other commands start quicker without it

    from app.web.connections import Connection  # noqa: PLC0415 - the same

    settings = load_settings()
    if workers > 1 and settings.database.startswith("sqlite"):
        raise Refusal(
            "The embedded database takes one process; name a PostgreSQL in PRECONSULT_DATABASE_URL."
        )
    app: FastAPI | str = "app.main:serve_app"
    if workers == 1:
        app = serve_app(settings)
    else:
        _prepare(settings)
    click.echo(f"preconsult serves http://{host}:{port} (stop with Ctrl-C)", err=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again once it has stopped
    uvicorn.run(
        app,
        factory=workers > 1,
        host=host,
        port=port,
        workers=workers,
        loop="auto",
        http=Connection,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=20,
    )


def _prepare(settings: Settings) -> None:
    """All checks of a start, once, before several processes do: a refusal is one line, not a traceback."""
    open_library(settings)
    open_terms(settings)
    open_post(settings)
    open_counts(settings)
    with opened(settings) as database:
        open_vault(database, settings.keyring, settings.key_file, now=_now())


@main.command()
def migrate() -> None:
    """Bring the database schema to this release; does nothing when it is there."""
    with opened(load_settings()) as database:
        click.echo(f"The schema is at {schema.current(database)}.")


@main.command("seed")
@click.option("--count", default=40, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@click.option("--seed", "number", default=1, show_default=True, help="The same number, the same people.")
@click.option("--staff", is_flag=True, help="Made-up staff as well, who have worked on some of them.")
def seed_made_up(count: int, number: int, *, staff: bool) -> None:
    """Keep made-up submissions, marked as tests, to see the service at work; again adds more."""
    settings = load_settings()
    if not settings.development:
        raise Refusal(
            "Made-up submissions do not belong in production; seed needs PRECONSULT_ENV=development."
        )
    library = open_library(settings)
    edition = library.current(settings.form_questionnaire or min(library.editions))
    assert edition is not None  # noqa: S101 - open_library has refused otherwise
    with writing(settings) as database:
        vault = open_vault(database, settings.keyring, settings.key_file, now=_now())
        seeded = seeding.seed(
            database,
            vault,
            edition,
            count=count,
            number=number,
            now=_now(),
            terms=open_terms(settings),
            actor=COMMAND,
        )
        if staff:
            desk = Desk(library, vault, open_terms(settings))
            seeding_staff.work_on(database, desk, count=count, number=number, now=_now(), actor=COMMAND)
    click.echo(
        f"{seeded.submissions} made-up submissions are kept as tests, {seeded.drafts} of them drafts; "
        "list them: GET /v1/submissions?test=true with an API key of scope review."
    )


@main.group("keys")
def keys_group() -> None:
    """API keys (create, list, revoke) and the sealing key (rotate)."""


@keys_group.command("create")
@click.option("--name", required=True, help="Who will use it.")
@click.option(
    "--scope", "scopes", multiple=True, required=True, help=f"One of {', '.join(SCOPES)}; repeat for several."
)
@click.option("--test", is_flag=True, help="It sees and makes only test submissions.")
@click.option("--origin", "origins", multiple=True, help="For browsers: only from these origins.")
@click.option("--cidr", "cidrs", multiple=True, help="Only from these networks.")
@click.option("--expires", "days", type=click.IntRange(1, 3650), help="Days it lives.")
def create_key(
    name: str,
    scopes: tuple[str, ...],
    origins: tuple[str, ...],
    cidrs: tuple[str, ...],
    days: int | None,
    *,
    test: bool,
) -> None:
    """Make an API key; it stands alone on stdout and is never shown again."""
    wanted = Wanted(name, scopes, test=test, origins=origins, cidrs=cidrs, days=days)
    with writing(load_settings()) as database:
        click.echo(database.write_now(partial(api_keys.create, wanted=wanted, now=_now(), actor=COMMAND)))


@keys_group.command("list")
def list_keys() -> None:
    """Every API key: id, state, the day it was last used, scopes, name. Never the secret."""
    with opened(load_settings()) as database:
        for key in database.read_now(keys.every):
            state = "live" if key.is_live(_now()) else "revoked" if key.revoked_at else "expired"
            kind = "test" if key.test else "live"
            used = f"{key.last_used_at:%Y-%m-%d}" if key.last_used_at else "never used"
            click.echo(f"{key.id}  {kind:4}  {state:7}  {used}  {' '.join(sorted(key.scopes))}  {key.name}")


@keys_group.command("revoke")
@click.argument("key_id")
def revoke_key(key_id: str) -> None:
    """End an API key by its id; every replica refuses it within a second."""
    with writing(load_settings()) as database:
        database.write_now(partial(api_keys.revoke, key_id=key_id, now=_now(), actor=COMMAND))
    click.echo(f"{key_id} is revoked.")


@keys_group.command("rotate")
def rotate_keys() -> None:
    """Make a fresh sealing key (in the key file) and wrap every data key under it; the service goes on."""
    settings = load_settings()
    with writing(settings) as database:
        name, moved = rotate(database, settings.keyring, settings.key_file, now=_now(), actor=COMMAND)
    click.echo(f"{moved} data keys are wrapped under {name}.")


@main.group("content")
def content_group() -> None:
    """Editions: check, show, diff, lock."""


@content_group.command("check")
@click.argument("path", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
def check_content(path: Path | None) -> None:
    """Every mistake in the editions below PATH: file, line and what to do."""
    content = path or load_settings().content_dir or CONTENT
    single = (content / "edition.yaml").exists()
    checked = [content] if single else list(folders(content))
    found = [] if single else check_lock(content)
    for folder in checked:
        found += check(folder, today=_now().date())
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
    """An edition as a reader sees it."""
    edition = open_library(load_settings()).find(questionnaire, version)
    if edition is None:
        raise Refusal("There is no such edition.")
    click.echo("\n".join(show(edition, edition.language(language))))


@content_group.command("diff")
@click.argument("old", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("new", type=click.Path(exists=True, file_okay=False, path_type=Path))
def diff_content(old: Path, new: Path) -> None:
    """What changed in meaning between two edition folders."""
    for line in edition_differences(load(old), load(new)):
        click.echo(line)


@content_group.command("lock")
def lock_content() -> None:
    """Publish: pin the bytes of every edition that is not pinned yet."""
    content = load_settings().content_dir or CONTENT
    for name in write_lock(content):
        click.echo(f"{name} is published; from now on its files stay as they are.")
    load_library(content)


@main.command("openapi")
def print_openapi() -> None:
    """The OpenAPI description, as JSON on stdout."""
    document = build(load_library(load_settings().content_dir or CONTENT), development=False).openapi()
    click.echo(json.dumps(document, ensure_ascii=False, indent=1))


@main.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup_database(file: Path) -> None:
    """Copy the embedded database to FILE while the service goes on. Keep the sealing keys elsewhere."""
    with writing(load_settings()) as database:
        schema.backup(database, file)
        database.write_now(partial(health.backed_up, now=_now(), actor=COMMAND))
    click.echo(f"Backed up to {file}. Without the sealing keys nobody can read it: back them up separately.")


main.add_command(audit_group)
main.add_command(restore_database)
main.add_command(purge_due)
main.add_command(staff_group)
main.add_command(work)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


if __name__ == "__main__":
    main(prog_name="preconsult")
