"""The system page, for operators: health, editions and the settings in force.

Responsible for: showing all of it on one page, and retrying failed alerts. Never: shows secrets, and never
changes a setting.
"""

import asyncio
import datetime as dt
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from app.clock import now
from app.environment import SECRETS
from app.errors import InvalidTransition
from app.rules.authoring.lint import check
from app.rules.engine.edition import Edition
from app.rules.library import CONTENT, check_lock
from app.services.events.audit_chain import OVERDUE_AFTER
from app.services.operations import system_status
from app.services.submissions import alerts
from app.settings import Settings
from app.web.dependencies import Services, get_services
from app.web.staff.access_control import StaffRoute, permission
from app.web.staff.layout import actor, go, show

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
MAX_VALUE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting in force; for a secret, only whether it is set. `usual`: it has its default value."""

    name: str
    value: str
    usual: bool
    meaning: str


@router.get("/staff/system")
@permission("system")
async def system(request: Request) -> Response:
    """Health first, then editions, then settings."""
    services, at = get_services(request), now()
    work = partial(
        system_status.get_status,
        keyring=services.submissions.vault.keyring,
        zone=services.settings.clinic_time_zone,
        now=at,
    )
    found = await services.database.read(work)
    checked_at, findings = await _checked(services, at)
    return show(
        request,
        "staff/system.html",
        health=found,
        backup_is_old=found.backup_is_old(at),
        chain_is_late=found.chain.oldest is not None and found.chain.oldest < at - OVERDUE_AFTER,
        database="SQLite" if services.database.is_sqlite else "PostgreSQL",
        writes_waiting=services.database.pending_writes,
        sends=services.mailer is not None,
        days=[(day, count) for day, count in found.upcoming_erasures.days if count],
        editions=[_edition(each, at) for each in _editions(services)],
        checked_at=checked_at,
        findings=findings,
        lines=settings_in_force(services.settings),
    )


@router.post("/staff/system/alerts")
@permission("system")
async def try_again(request: Request) -> Response:
    """Retry failed alerts at once; without failed alerts, it does nothing."""
    work = partial(alerts.retry_failed, now=now(), actor=actor(request))
    try:
        await get_services(request).database.write(work)
    except InvalidTransition:
        return go("/staff/system")
    return go("/staff/system")


def settings_in_force(settings: Settings) -> list[SettingRow]:
    """Every setting, in the order of docs/settings.md."""
    return [
        SettingRow(
            name=f"PRECONSULT_{name.upper()}",
            value=_value(name, getattr(settings, name)),
            usual=getattr(settings, name) == field.default,
            meaning=field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def _value(name: str, value: object) -> str:
    if name.upper() in SECRETS:
        return "set" if value else "not set"
    text = "" if value is None else str(value)
    return f"{text[:MAX_VALUE_LENGTH]}…" if len(text) > MAX_VALUE_LENGTH else text or "empty"


def _editions(services: Services) -> list[Edition]:
    return [edition for each in services.library.editions.values() for edition in each]


def _edition(edition: Edition, at: dt.datetime) -> dict[str, Any]:
    default, *_ = edition.meta.languages
    spoken = [
        (tag, "" if tag == default or edition.texts[tag].reviewed_by else "awaits a translator’s review",
         tag in edition.languages)
        for tag in edition.meta.languages
    ]  # fmt: skip
    return {
        "name": f"{edition.id} {edition.version}",
        "languages": spoken,
        "reviewed_by": edition.meta.reviewed_by,
        "review_by": edition.meta.review_by,
        "late": edition.meta.review_by < at.date(),
        "off": sorted(edition.off & edition.meta.switches.keys()),
        "sha256": edition.sha256,
    }


async def _checked(services: Services, at: dt.datetime) -> tuple[dt.datetime, list[str]]:
    """The findings of `preconsult content check` for all installed content; run once a day, one at a time."""
    async with services.content_check_lock:
        found = services.content_check_cache.get(at.date())
        if found is None:
            services.content_check_cache.clear()
            findings = await asyncio.to_thread(_findings, services, at.date())
            found = services.content_check_cache[at.date()] = (at, findings)
        return found


def _findings(services: Services, today: dt.date) -> list[str]:
    content = services.settings.content_dir or CONTENT
    found = check_lock(content)
    for edition in _editions(services):
        found += check(edition.folder, today=today)
    return [f"{each.path.relative_to(content)}:{each.line}: {each.message}" for each in found]
