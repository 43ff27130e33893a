"""`preconsult serve`: the server.

Responsible for: all start-up checks before the first request, and the settings of uvicorn. Never: prints a
traceback when the start is refused.
"""

import gc
import signal
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fastapi import FastAPI

    from app.settings import Settings
    from app.web.middleware.uvicorn_protocol import GuardedH11Protocol


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64))
def serve(host: str, port: int, workers: int) -> None:
    """Serve the API; migrates first, under a lock, so that replicas may start together."""
    gc.disable()  # objects from start-up stay in use: collecting them takes a sixth of the start-up time
    try:
        app, connection = _ready(workers)
    finally:
        gc.enable()
    import uvicorn  # noqa: PLC0415 - `serve --help` runs without it

    click.echo(f"preconsult serves http://{host}:{port} (stop with Ctrl-C)", err=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again once it has stopped
    uvicorn.run(
        app,
        factory=workers > 1,
        host=host,
        port=port,
        workers=workers,
        loop="auto",
        http=connection,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=20,
    )


def _ready(workers: int) -> tuple["FastAPI | str", type["GuardedH11Protocol"]]:
    """Return what uvicorn serves, checked: an application, or for several processes the name of its
    factory.
    """
    from app.environment import load_settings  # noqa: PLC0415
    from app.errors import StartupError  # noqa: PLC0415 - `serve --help` runs without these
    from app.main import serve_app  # noqa: PLC0415
    from app.web.middleware.uvicorn_protocol import GuardedH11Protocol  # noqa: PLC0415

    settings = load_settings()
    if workers == 1:
        return serve_app(settings), GuardedH11Protocol
    if settings.database.startswith("sqlite"):
        raise StartupError(
            "The embedded database takes one process; name a PostgreSQL in PRECONSULT_DATABASE_URL."
        )
    _prepare(settings)
    return "app.main:serve_app", GuardedH11Protocol


def _prepare(settings: "Settings") -> None:
    """Run all start-up checks once, before several processes do: an error is one line, not a traceback."""
    from app import container  # noqa: PLC0415
    from app.cli.context import now, open_database  # noqa: PLC0415
    from app.services.operations.key_rotation import load_vault  # noqa: PLC0415

    container.open_library(settings)
    container.build_retention_policy(settings)
    container.build_mailer(settings)
    container.build_counters(settings)
    with open_database(settings) as database:
        load_vault(database, settings.encryption_keys, settings.key_file, now=now())
