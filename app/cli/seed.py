"""`preconsult seed`: creates demo submissions. Never: in production."""

import click

from app.cli.context import COMMAND, now, open_database_for_write
from app.container import build_retention_policy, open_library
from app.environment import load_settings
from app.errors import StartupError
from app.services.demo import staff_activity, submissions
from app.services.operations.key_rotation import load_vault
from app.services.submissions.lifecycle import SubmissionService


@click.command("seed")
@click.option("--count", default=40, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@click.option("--seed", "number", default=1, show_default=True, help="The same number, the same people.")
@click.option("--staff", is_flag=True, help="Made-up staff as well, who have worked on some of them.")
def seed_made_up(count: int, number: int, *, staff: bool) -> None:
    """Create made-up submissions, marked as tests, to try the service; running it again adds more."""
    settings = load_settings()
    if not settings.development:
        raise StartupError(
            "Made-up submissions do not belong in production; seed needs PRECONSULT_ENV=development."
        )
    library = open_library(settings)
    edition = library.current(settings.form_questionnaire or min(library.editions))
    assert edition is not None  # noqa: S101 - open_library has raised otherwise
    with open_database_for_write(settings) as database:
        vault = load_vault(database, settings.encryption_keys, settings.key_file, now=now())
        seeded = submissions.seed(
            database,
            vault,
            edition,
            count=count,
            number=number,
            now=now(),
            terms=build_retention_policy(settings),
            actor=COMMAND,
        )
        if staff:
            submission_service = SubmissionService(library, vault, build_retention_policy(settings))
            staff_activity.simulate(
                database, submission_service, count=count, number=number, now=now(), actor=COMMAND
            )
    click.echo(
        f"{seeded.submissions} made-up submissions are kept as tests, {seeded.drafts} of them drafts; "
        "list them: GET /v1/submissions?test=true with an API key of scope review."
    )
