"""All settings. No other module reads the environment.

Responsible for: `PRECONSULT_*` from the environment, a `.env` file, or `PRECONSULT_*_FILE` for secrets.
Never: starts in production with a setting that is unsafe there; the error is one clear line.
"""

import datetime as dt
import ipaddress
import math
import re
import zoneinfo
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AnyHttpUrl, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.color_contrast import DARK_PAPER, require_readable
from app.errors import StartupError

COLOR = r"^#[0-9a-fA-F]{6}$"
LOOPBACK = {"localhost", "127.0.0.1", "::1", "[::1]"}
LOGOS = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp", ".svg": "image/svg+xml"}
STAFF_ROLES = ("reviewer", "manager", "administrator", "auditor")
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?")


class Settings(BaseSettings):
    """An immutable set of settings. The description of each field is its entry in docs/settings.md."""

    model_config = SettingsConfigDict(
        env_prefix="PRECONSULT_", env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    env: Literal["production", "development"] = Field(
        "production", description="`development` turns on the docs page and plain-http conveniences."
    )
    data_dir: Path = Field(Path("data"), description="Where the embedded database and key file live.")
    database_url: str = Field(
        "", description="SQLAlchemy URL: `postgresql+psycopg://…`; empty means SQLite in the data directory."
    )
    encryption_keys: str = Field(
        "",
        description="Encryption keys as `id:base64`, comma-separated, newest first; empty: the key file.",
    )
    content_dir: Path | None = Field(None, description="Your own editions; empty means the ones shipped.")
    public_url: AnyHttpUrl = Field(
        AnyHttpUrl("http://127.0.0.1:8000"),
        description="The address at which respondents and API clients reach this service.",
    )
    draft_retention_hours: int = Field(
        72, ge=1, le=24 * 90, description="Drafts are deleted after this long."
    )
    submission_retention_days: int = Field(
        30, ge=1, le=3650, description="Submissions are deleted this many days after they were submitted."
    )
    max_body_bytes: int = Field(64 * 1024, ge=4096, le=10**7, description="Larger bodies get 413.")
    request_body_timeout_seconds: float = Field(10.0, gt=0, le=60, description="Slower bodies get 408.")
    audit_anchor_file: Path | None = Field(
        None,
        description="A file that gets the head of the audit chain every minute; best on another machine.",
    )
    erasure_ledger_file: Path | None = Field(
        None,
        description="File of what was erased or revoked, applied after a restore; "
        "empty: `erasures.log` in the data directory.",
    )
    max_pending_writes: int = Field(
        1000, ge=1, description="When more writes than this wait, further ones get 503 with Retry-After."
    )
    database_pool: int = Field(8, ge=1, le=64, description="Connections and threads per process.")
    trusted_proxies: str = Field(
        "", description="Networks of your proxies, comma-separated; only their X-Forwarded-For is used."
    )
    allowed_origins: str = Field(
        "", description="Origins of your own forms, comma-separated: browsers there may call the API (CORS)."
    )
    frame_ancestors: str = Field(
        "", description="Origins that may show the form in an iframe, comma-separated; empty means none."
    )
    disabled_questions: str = Field(
        "",
        description="Optional question groups that are off, as `self_harm`: they are not asked.",
    )
    allow_unreviewed_translations: bool = Field(
        default=False, description="Serve translations that are not reviewed; each page then says so."
    )
    form_questionnaire: str = Field(
        "", description="Which questionnaire `/form` asks; empty means the only one, or the first by name."
    )
    form_session_minutes: int = Field(
        60, ge=5, le=720, description="The session of the form ends after this time without a page sent."
    )
    form_start_limit_per_network: int = Field(
        30,
        ge=1,
        description="Forms started an hour from one network (/24 or /48); above that it has to wait.",
    )
    form_start_limit: int = Field(
        600, ge=1, description="Forms started an hour in all; above that everyone has to wait."
    )
    clinic_name: str = Field("", max_length=100, description="Shown at the top of each page of the form.")
    clinic_logo: Path | None = Field(
        None, description="A PNG, JPEG, WebP or SVG file, shown beside the name."
    )
    clinic_color: Annotated[str, Field(pattern=COLOR)] = Field(
        "#0b6e75", description="Buttons and links, as `#rrggbb`; refused when it can't be read on white."
    )
    clinic_color_dark: Annotated[str, Field(pattern=COLOR)] = Field(
        "#6cc5cb", description="The same for people who use dark mode."
    )
    clinic_contact: str = Field(
        "", max_length=300, description="How to reach the clinic: one line at the foot of each page."
    )
    clinic_privacy: str = Field(
        "", max_length=20000, description="The clinic's own privacy text; empty lines separate paragraphs."
    )
    clinic_time_zone: str = Field("UTC", description="Times on pages, as `America/New_York`.")
    opening_hours: str = Field(
        "Mon-Fri 09:00-17:00",
        max_length=500,
        description="The clinic's opening hours, as `Mon-Fri 08:00-12:00, 13:00-17:00; Sat 09:00-12:00`.",
    )
    closed_days: str = Field(
        "", description="Days on which the clinic is closed, as `2026-12-25`, comma-separated."
    )
    on_call_out_of_hours: bool = Field(
        default=False,
        description="Someone is on call out of hours: the most urgent flags do not wait.",
    )
    two_factor_roles: str = Field(
        "manager,administrator,auditor",
        description="Roles that need a second factor to sign in, comma-separated; others may choose it.",
    )
    smtp_url: str = Field(
        "",
        max_length=1000,
        description="Your mail server, for alerts: `smtps://user:password@host:465`, `smtp+starttls://…:587`.",
    )
    alert_from: str = Field("", max_length=254, description="The address alerts are sent from.")
    alert_emails: str = Field(
        "",
        max_length=5000,
        description="Who gets an e-mail when a submission needs attention, comma-separated.",
    )
    escalation_emails: str = Field(
        "",
        max_length=5000,
        description="Who gets an e-mail when it was not dealt with in time; empty means the same people.",
    )
    allowed_return_origins: str = Field(
        "",
        description="Sites to which a one-time link may lead back at the end, as `https://book.clinic.example`.",
    )
    stale_after_days: int = Field(
        30, ge=1, description="Answers submitted more days than this before the appointment count as `stale`."
    )
    event_retention_days: int = Field(90, ge=1, description="How many days the event feed goes back.")
    run_worker: bool = Field(
        default=True,
        description="Deliver webhooks from the server; turn it off where `preconsult work` does it.",
    )
    webhook_retry_seconds: str = Field(
        "5,300,1800,7200,18000,36000,50400,72000,86400",
        description="Pauses between attempts of a webhook delivery, in seconds; after the last it fails.",
    )
    webhook_allowed_networks: str = Field(
        "",
        description="Networks of your own to which webhooks may go, as `10.1.0.0/16`; others must be public.",
    )
    redis_url: str = Field(
        "", description="A Redis or Valkey in which replicas share their limits, as `redis://host:6379/0`."
    )
    rate_limit_per_key: int = Field(
        6000, ge=1, description="Requests a minute with one API key; above that they get 429."
    )
    rate_limit_per_network: int = Field(
        1200, ge=1, description="Requests a minute from one network without a key; above that they get 429."
    )
    exit_url: AnyHttpUrl | None = Field(
        None, description="Where `Leave this page` leads; empty means a blank page of this service."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The lowest level that is logged."
    )

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in use."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'preconsult.db'}"

    @property
    def key_file(self) -> Path:
        return self.data_dir / "keyring"

    @property
    def ledger(self) -> Path:
        return self.erasure_ledger_file or self.data_dir / "erasures.log"

    @property
    def development(self) -> bool:
        return self.env == "development"

    @property
    def serves_unreviewed(self) -> bool:
        return self.allow_unreviewed_translations or self.development

    @property
    def disabled(self) -> frozenset[str]:
        return frozenset(_listed(self.disabled_questions))

    @property
    def two_factor_required(self) -> frozenset[str]:
        return frozenset(_listed(self.two_factor_roles))

    @property
    def proxies(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        return tuple(ipaddress.ip_network(each) for each in _listed(self.trusted_proxies))

    @property
    def webhook_networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """Non-public networks that webhooks may be sent to."""
        return tuple(ipaddress.ip_network(each) for each in _listed(self.webhook_allowed_networks))

    @property
    def webhook_pauses(self) -> tuple[int, ...]:
        return tuple(int(each) for each in _listed(self.webhook_retry_seconds))

    @property
    def fresh_for(self) -> dt.timedelta:
        """How long before the appointment answers may have been submitted without counting as stale."""
        return dt.timedelta(days=self.stale_after_days)

    @property
    def event_retention(self) -> dt.timedelta:
        """How long events are stored: never less than submissions are stored, or webhook deliveries are
        retried.
        """
        tried = math.ceil(1.2 * sum(self.webhook_pauses) / 86400) + 1
        return dt.timedelta(days=max(self.event_retention_days, self.submission_retention_days + 1, tried))

    @property
    def return_origins(self) -> tuple[str, ...]:
        return _listed(self.allowed_return_origins)

    @property
    def origins(self) -> tuple[str, ...]:
        return _listed(self.allowed_origins)

    @property
    def frame_origins(self) -> tuple[str, ...]:
        """Origins that may show the form in a frame; in development also the example page of this service."""
        own = ("'self'",) if self.development else ()
        return (*own, *_listed(self.frame_ancestors))

    @field_validator("trusted_proxies", "webhook_allowed_networks")
    @classmethod
    def _networks(cls, value: str) -> str:
        try:
            [ipaddress.ip_network(each) for each in _listed(value)]
        except ValueError:
            raise ValueError("each is a network as 10.0.0.0/8, without bits of a host") from None
        return value

    @field_validator("allowed_origins", "frame_ancestors", "allowed_return_origins")
    @classmethod
    def _origins(cls, value: str) -> str:
        if not all(ORIGIN.fullmatch(each) for each in _listed(value)):
            raise ValueError("each is an origin as https://www.clinic.example, without a path")
        return value

    @field_validator("webhook_retry_seconds")
    @classmethod
    def _pauses(cls, value: str) -> str:
        if not _listed(value) or not all(each.isdigit() for each in _listed(value)):
            raise ValueError("it is whole seconds, comma-separated, as 5,300,1800")
        return value

    @field_validator("two_factor_roles")
    @classmethod
    def _roles(cls, value: str) -> str:
        if not set(_listed(value)) <= set(STAFF_ROLES):
            raise ValueError(f"the roles are {', '.join(STAFF_ROLES)}")
        return value

    @field_validator("clinic_logo")
    @classmethod
    def _logo(cls, value: Path | None) -> Path | None:
        if value is not None and not (value.is_file() and value.suffix.lower() in LOGOS):
            raise ValueError(f"it names no file that is there and ends in {', '.join(LOGOS)}")
        return value

    @field_validator("clinic_time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            zoneinfo.ZoneInfo(value)
        except (KeyError, ValueError, OSError):  # unknown, malformed, or the name of a directory
            raise ValueError("there is no such time zone; America/New_York is one") from None
        return value

    @field_validator("clinic_color")
    @classmethod
    def _light(cls, value: str) -> str:
        return require_readable(value, "#ffffff")

    @field_validator("clinic_color_dark")
    @classmethod
    def _dark(cls, value: str) -> str:
        return require_readable(value, DARK_PAPER)

    def refuse_unsafe(self) -> Self:
        """Raise Refusal when a setting is not safe in production."""
        url = urlsplit(str(self.public_url))
        if not self.development and url.scheme != "https" and url.hostname not in LOOPBACK:
            raise StartupError(
                "PRECONSULT_PUBLIC_URL must be https in production; put TLS in front and name it."
            )
        if not self.development and "sslmode=disable" in self.database:
            raise StartupError("PRECONSULT_DATABASE_URL turns TLS off; remove sslmode=disable in production.")
        return self


def _listed(value: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in value.split(",") if each.strip())
