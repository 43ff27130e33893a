"""`preconsult`: the command line. Exit status 0, 1 (one clear line on stderr) or 2 (usage).

Responsible for: which commands there are; each is imported from its module only when it is asked for, so
that `preconsult --help` answers at once. Never: prints a secret anywhere but on stdout, alone, once.
"""

import click

from app.cli.lazy import LazyGroup

COMMANDS = {  # name: (module:attribute, first sentences of its help)
    "audit": ("audit:audit_group", "The audit trail: verify its chain, publish its head."),
    "backup": (
        "maintenance:backup_database",
        "Copy the embedded database to FILE while the service goes on. Keep the sealing keys elsewhere.",
    ),
    "content": ("content:content_group", "Editions: check, show, diff, lock."),
    "keys": ("keys:keys_group", "API keys (create, list, revoke) and the sealing key (rotate)."),
    "migrate": (
        "maintenance:migrate",
        "Bring the database schema to this release; does nothing when it is there.",
    ),
    "openapi": ("openapi:print_openapi", "The OpenAPI description, as JSON on stdout."),
    "purge": (
        "maintenance:purge_due",
        "Erase what is kept longer than promised; the service does so by itself every ten minutes.",
    ),
    "restore": (
        "restore:restore_database",
        "Put the embedded database back to a backup, FILE; what was erased or ended since then stays so.",
    ),
    "seed": (
        "seed:seed_made_up",
        "Keep made-up submissions, marked as tests, to see the service at work; again adds more.",
    ),
    "serve": (
        "serve:serve",
        "Serve the API; migrates first, under a lock, so that replicas may start together.",
    ),
    "staff": ("staff:staff_group", "Who works with the workbench: add, list, disable, reset."),
    "work": (
        "worker:work",
        "Deliver webhooks, for servers with PRECONSULT_WORKER=false or beside others; stop with Ctrl-C.",
    ),
}


@click.group(cls=LazyGroup, package=__name__, table=COMMANDS)
def main() -> None:
    """A pre-consultation questionnaire service. Information only, never a diagnosis."""
