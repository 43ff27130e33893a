"""The application: creates all parts and connects them once.

Responsible for: `create_app(settings)`, the start-up checks and the graceful shutdown. Never: starts with
invalid content, with a database that could lose acknowledged writes, or with a missing or wrong key.
"""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from functools import cache, partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry, Counter, Gauge
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount

from app import logging
from app.clock import now
from app.container import (
    build_counters,
    build_mailer,
    build_retention_policy,
    open_database,
    open_ledger,
    open_library,
)
from app.environment import load_settings
from app.errors import Problem, StartupError
from app.jobs.alerts import AlertJob
from app.jobs.audit_chain import AuditChainJob
from app.jobs.purge import run_purge_forever
from app.jobs.webhook_delivery import DELIVERY_ATTEMPTS, WebhookDeliveryWorker, address_policy
from app.logging import log
from app.rules.library import Library, load_library
from app.services.operations.key_rotation import load_vault
from app.services.submissions.alerts import AlertStatus
from app.services.submissions.lifecycle import SubmissionService
from app.settings import Settings
from app.storage.db import migrations
from app.storage.db.sqlite_writer import BATCH
from app.web.api import (
    articles,
    case_search,
    docs,
    evaluations,
    events,
    fhir,
    fhir_responses,
    handoffs,
    health,
    questionnaires,
    readiness,
    review,
    submissions,
    summaries,
    webhook_endpoints,
)
from app.web.authentication import Authenticator
from app.web.branding import Theme
from app.web.dependencies import Services
from app.web.form import dev_pages, entry, questions, review_answers, session
from app.web.form import handoffs as handed
from app.web.form import not_found as form_not_found
from app.web.http import problems
from app.web.http.api_route import ApiRoute
from app.web.http.form_start_limits import FormStartLimiter
from app.web.http.rate_limits import RateLimiter
from app.web.middleware.cors import Cors
from app.web.middleware.create_fast_path import CreateFastPath
from app.web.middleware.network_rate_limit import NetworkRateLimitMiddleware
from app.web.middleware.request_guard import RequestGuardMiddleware
from app.web.middleware.static_files import ImmutableStaticFiles
from app.web.openapi.webhooks_and_limits import build_openapi
from app.web.staff import (
    account,
    api_keys,
    article,
    audit,
    case,
    case_retention,
    corrections,
    dashboard,
    exports,
    invitations,
    login,
    not_found,
    queue,
    system,
    users,
    webhooks,
)
from app.web.staff import handoffs as links
from app.web.staff.access_control import unprotected_routes

STATIC = Path(__file__).parent / "web" / "static"
ROUTERS = (
    questionnaires,
    articles,
    evaluations,
    submissions,
    summaries,
    review,
    case_search,
    handoffs,
    readiness,
    events,
    webhook_endpoints,
    fhir,
    fhir_responses,
    health,
)
PAGES = (entry, handed, questions, review_answers, session, dev_pages)
WORKBENCH = (
    audit,
    login,
    invitations,
    account,
    users,
    api_keys,
    system,
    dashboard,
    exports,
    queue,
    case,
    case_retention,
    corrections,
    article,
    links,
    webhooks,
    not_found,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Create the ASGI application of a process. Raises Refusal with one clear line when it may not start."""
    settings = settings or load_settings()
    logging.configure(settings.log_level)
    services = build_services(settings)
    app = build(services.library, development=settings.development, lifespan=partial(_lifespan, services))
    app.state.services = services
    app.add_middleware(
        NetworkRateLimitMiddleware, rates=services.rate_limiter, authenticator=services.authenticator
    )
    app.add_middleware(CreateFastPath, route=submissions.create_route)
    app.add_middleware(
        RequestGuardMiddleware,
        registry=services.registry,
        max_body=settings.max_body_bytes,
        body_seconds=settings.request_body_timeout_seconds,
        https=settings.public_url.scheme == "https",
    )
    if settings.origins:
        app.add_middleware(Cors, origins=settings.origins)
    return app


def serve_app(settings: Settings | None = None) -> FastAPI:
    """Create the application for a process that does nothing else: objects from start-up are excluded from
    garbage collection.

    There is no collection before that: it would take a tenth of the start-up time and free only about two
    thousand of 280,000 objects.
    """
    app = create_app(settings)
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    return app


def build(library: Library, *, development: bool, lifespan: object = None) -> FastAPI:
    """Create the routes and their OpenAPI description, without the services behind them."""
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat whatever the Host header contained
        lifespan=lifespan,  # type: ignore[arg-type]
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.router.routes.extend(_routes((*PAGES, *ROUTERS, *WORKBENCH), development=development))
    if unprotected_routes(app):
        raise StartupError(f"Nobody has declared who may come to {', '.join(unprotected_routes(app))}.")
    app.add_exception_handler(Problem, problems.on_problem)
    app.add_exception_handler(HTTPException, form_not_found.on_http_error)
    app.add_exception_handler(RequestValidationError, problems.on_invalid_request)
    app.openapi = cache(partial(_describe, app, library))  # type: ignore[method-assign] # when first asked for
    return app


def _describe(app: FastAPI, library: Library) -> dict[str, Any]:
    """Return the OpenAPI description of the application."""
    for route in app.routes:
        if isinstance(route, ApiRoute):
            route.build_body()
    return build_openapi(app, library)


@cache
def _routes(modules: tuple[Any, ...], *, development: bool) -> list[BaseRoute]:
    """Return every route of these modules, in matching order; the busiest route also has a fast path.

    They are the routes of the routers themselves: `include_router` would analyse each signature a second
    time.
    """
    routes = [route for module in modules for route in module.router.routes]
    routes.append(Mount("/static", ImmutableStaticFiles(STATIC), name="static"))
    if development:
        routes += [*docs.router.routes, *dev_pages.development.routes]
    return routes


def build_services(settings: Settings) -> Services:
    """Create and check every part of a running service. Raises Refusal."""
    library, terms = open_library(settings, load_library), build_retention_policy(settings)
    post, counts = build_mailer(settings), build_counters(settings)
    database = open_database(settings)
    try:
        database.check_durable()
        migrations.migrate(database)
        vault = load_vault(database, settings.encryption_keys, settings.key_file, now=now())
        ledger = open_ledger(settings)
        ledger.replay(database, now=now())
    except BaseException:
        database.close()
        raise
    registry = CollectorRegistry()
    registry.register(BATCH)
    registry.register(DELIVERY_ATTEMPTS)
    waiting = Gauge("preconsult_pending_writes", "Writes not begun yet.", registry=registry)
    waiting.set_function(lambda: database.pending_writes)
    counter = Counter(
        "preconsult_submissions", "Submissions kept, by status.", ("status",), registry=registry
    )
    rates = RateLimiter(
        per_key=settings.rate_limit_per_key,
        per_network=settings.rate_limit_per_network,
        keyring=vault.keyring,
        proxies=settings.proxies,
        counts=counts,
    )
    return Services(
        settings=settings,
        database=database,
        library=library,
        submissions=SubmissionService(library, vault, terms),
        authenticator=Authenticator(database, rates, settings.proxies),
        rate_limiter=rates,
        registry=registry,
        submissions_counter=counter,
        theme=Theme.from_settings(settings),
        ledger=ledger,
        form_start_limiter=FormStartLimiter(
            per_network=settings.form_start_limit_per_network,
            total=settings.form_start_limit,
            keyring=vault.keyring,
            counts=counts,
        ),
        mailer=post,
        address_policy=address_policy(settings),
        alert_status=register_alert_gauges(registry),
    )


def register_alert_gauges(registry: CollectorRegistry) -> AlertStatus:
    """Create the alert status that the alert job updates, and gauges for it."""
    alert_status = AlertStatus()
    waiting = Gauge("preconsult_alerts_waiting", "Alerts not sent yet.", registry=registry)
    waiting.set_function(lambda: alert_status.waiting.unsent)
    failing = Gauge("preconsult_alerts_failing", "Those of them that failed.", registry=registry)
    failing.set_function(lambda: alert_status.waiting.failing)
    return alert_status


@contextlib.asynccontextmanager
async def _lifespan(services: Services, _app: FastAPI) -> AsyncIterator[None]:
    purging = asyncio.create_task(run_purge_forever(services.database, services.settings.event_retention))
    audit_chain_job = AuditChainJob(
        services.database,
        services.submissions.vault.keyring,
        services.settings.audit_anchor_file,
        services.ledger,
    )
    linking = asyncio.create_task(audit_chain_job.run_forever())
    alerts = AlertJob(
        services.database, services.mailer, str(services.settings.public_url), services.alert_status
    )
    alerting = asyncio.create_task(alerts.run_forever())
    tasks = [purging, linking, alerting]
    if services.settings.run_worker:
        delivering = WebhookDeliveryWorker.from_settings(
            services.settings, services.database, services.submissions.vault.keyring, services.mailer
        )
        tasks += [asyncio.create_task(delivering.run_forever())]
    log.info("started")
    yield
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await audit_chain_job.run_once(publish=True)
    await services.rate_limiter.close()
    await asyncio.to_thread(services.database.close)
    log.info("stopped")
