"""`preconsult`: the command line. Exit status 0, 1 (one clear line on stderr) or 2 (usage).

Responsible for: the list of commands; each is imported from its module only when it is used, so that
`preconsult --help` is fast. Never: prints a secret except once, alone, on stdout.
"""

import click

from app.cli.lazy import LazyGroup

COMMANDS = {  # name: (module:attribute, first sentences of its help)
    "audit": ("audit:audit_group", "The audit log: verify its chain, publish its head."),
    "backup": (
        "maintenance:backup_database",
        "Copy the embedded database to FILE while the service runs. Store the encryption keys elsewhere.",
    ),
    "contact-index": (
        "contact_index:contact_index_group",
        "The index for searches by phone number or e-mail address: rebuild.",
    ),
    "content": ("content:content_group", "Editions: check, show, diff, lock."),
    "keys": ("keys:keys_group", "API keys (create, list, revoke) and the encryption key (rotate)."),
    "migrate": (
        "maintenance:migrate",
        "Migrate the database schema to this release; does nothing when it is up to date.",
    ),
    "openapi": ("openapi:print_openapi", "Print the OpenAPI description as JSON on stdout."),
    "purge": (
        "maintenance:purge_due",
        "Erase what is past its retention period; the service does so by itself every ten minutes.",
    ),
    "restore": (
        "restore:restore_database",
        "Restore the embedded database from the backup FILE; what was erased or ended since then stays so.",
    ),
    "seed": (
        "seed:seed_made_up",
        "Create made-up submissions, marked as tests, to try the service; running it again adds more.",
    ),
    "serve": (
        "serve:serve",
        "Serve the API; migrates first, under a lock, so that replicas may start together.",
    ),
    "staff": ("staff:staff_group", "Users of the staff app: add, list, disable, reset."),
    "work": (
        "worker:run_worker",
        "Deliver webhooks, for servers with PRECONSULT_RUN_WORKER=false or beside others; stop with Ctrl-C.",
    ),
}


@click.group(cls=LazyGroup, package=__name__, table=COMMANDS)
def main() -> None:
    """A pre-consultation questionnaire service. Information only, never a diagnosis."""
