"""Settings from the environment, from `.env` and from files named by `*_FILE`.

Responsible for: one clear line for a name that has changed, does not exist, or holds an invalid value. Never:
repeats a value.
"""

import difflib
import os
import re
import sys
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from app.errors import StartupError
from app.settings import Settings

SECRETS = ("DATABASE_URL", "ENCRYPTION_KEYS", "SMTP_URL", "REDIS_URL")
FILES = (*SECRETS, "CLINIC_PRIVACY")
PREFIX = "PRECONSULT_"
RENAMED = {  # names of the first release
    "KEYRING": "ENCRYPTION_KEYS",
    "AUDIT_ANCHOR": "AUDIT_ANCHOR_FILE",
    "ERASURE_LEDGER": "ERASURE_LEDGER_FILE",
    "QUEUE_LIMIT": "MAX_PENDING_WRITES",
    "BODY_SECONDS": "REQUEST_BODY_TIMEOUT_SECONDS",
    "SWITCHED_OFF": "DISABLED_QUESTIONS",
    "UNREVIEWED_TRANSLATIONS": "ALLOW_UNREVIEWED_TRANSLATIONS",
    "FORM_STARTS_PER_NETWORK": "FORM_START_LIMIT_PER_NETWORK",
    "FORM_STARTS": "FORM_START_LIMIT",
    "REQUESTS_PER_KEY": "RATE_LIMIT_PER_KEY",
    "REQUESTS_PER_NETWORK": "RATE_LIMIT_PER_NETWORK",
    "ON_CALL": "ON_CALL_OUT_OF_HOURS",
    "SECOND_FACTOR_ROLES": "TWO_FACTOR_ROLES",
    "RETURN_ORIGINS": "ALLOWED_RETURN_ORIGINS",
    "STALE_DAYS": "STALE_AFTER_DAYS",
    "EVENTS_DAYS": "EVENT_RETENTION_DAYS",
    "RETENTION_DRAFT_HOURS": "DRAFT_RETENTION_HOURS",
    "RETENTION_DAYS": "SUBMISSION_RETENTION_DAYS",
    "WORKER": "RUN_WORKER",
    "WEBHOOK_NETWORKS": "WEBHOOK_ALLOWED_NETWORKS",
    "LEAVE_URL": "EXIT_URL",
}
# what Kubernetes and linked containers put into the environment for a service named `preconsult`
SERVICE_LINK = re.compile(r"SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?")


def load_settings() -> Settings:
    """Load the settings from the environment. Raises StartupError that names the invalid setting, never
    its value.
    """
    unknown = _unknown_names()
    try:
        settings = Settings(**_from_files()).refuse_unsafe()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "PRECONSULT_" + "_".join(str(part) for part in first["loc"]).upper()
        reason = first["msg"].removeprefix("Value error, ")
        raise StartupError(f"{name} can't be used: {reason}.") from None
    if unknown and not settings.development:
        raise StartupError(unknown[0])
    for line in unknown:
        sys.stderr.write(f"preconsult: {line}\n")
    return settings


def _unknown_names() -> list[str]:
    """Return a line for each `PRECONSULT_` name that is not a setting.

    Raises StartupError for a name of the first release.
    """
    in_file = dotenv_values(".env", interpolate=False) if Path(".env").is_file() else {}
    given = {
        name.upper().removeprefix(PREFIX)
        for name in (*os.environ, *in_file)
        if name.upper().startswith(PREFIX)
    }
    known = {name.upper() for name in Settings.model_fields} | {f"{name}_FILE" for name in FILES}
    lines = []
    for name in sorted(given - known):
        former = name if name in RENAMED else name.removesuffix("_FILE")
        if former in RENAMED:
            now = RENAMED[former] + name.removeprefix(former)
            raise StartupError(f"{PREFIX}{name} is now {PREFIX}{now}; rename it.")
        if not SERVICE_LINK.fullmatch(name):
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {PREFIX}{nearest[0]}?" if nearest else "; remove it."
            lines.append(f"{PREFIX}{name} is not a setting{hint}")
    return lines


def _from_files() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in FILES:
        path = os.environ.get(f"PRECONSULT_{name}_FILE")
        if path:
            try:
                found[name.lower()] = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                raise StartupError(f"PRECONSULT_{name}_FILE names a file that can't be read.") from None
    return found
