"""`preconsult work`: chains audit events and delivers webhooks, for servers that leave this to it.

Responsible for: the background jobs of a process that serves no requests, until it is stopped. Never:
leaves a delivery claimed that it has not sent.
"""

import asyncio
import contextlib
import signal

import click

from app import logging
from app.cli.context import now, open_database
from app.container import build_mailer, open_ledger
from app.encryption import Keyring
from app.environment import load_settings
from app.jobs.audit_chain import AuditChainJob
from app.jobs.webhook_delivery import WebhookDeliveryWorker
from app.logging import log
from app.services.operations.key_rotation import load_vault
from app.settings import Settings
from app.storage.db.database import Database


@click.command("work")
def run_worker() -> None:
    """Deliver webhooks, for servers with PRECONSULT_RUN_WORKER=false or beside others; stop with Ctrl-C."""
    settings = load_settings()
    logging.configure(settings.log_level)
    with open_database(settings) as database:
        keyring = load_vault(database, settings.encryption_keys, settings.key_file, now=now()).keyring
        click.echo("preconsult delivers webhooks (stop with Ctrl-C)", err=True)
        asyncio.run(_until_signal(settings, database, keyring))


async def _until_signal(settings: Settings, database: Database, keyring: Keyring) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    audit_chain_job = AuditChainJob(database, keyring, settings.audit_anchor_file, open_ledger(settings))
    delivering = WebhookDeliveryWorker.from_settings(settings, database, keyring, build_mailer(settings))
    tasks = [asyncio.create_task(each.run_forever()) for each in (audit_chain_job, delivering)]
    log.info("started")
    await stop.wait()
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    log.info("stopped")
