"""Every setting, once. Nobody else reads the environment.

Office: `PRECONSULT_*` from the environment, a `.env` file, or `PRECONSULT_*_FILE` for secrets. Refuses: to
start in production with a setting that is not safe there, in one clear line each.
"""

import os
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AnyHttpUrl, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.errors import Refusal

LOOPBACK = {"localhost", "127.0.0.1", "::1", "[::1]"}
SECRETS = ("DATABASE_URL", "KEYRING")


class Settings(BaseSettings):
    """One frozen set of settings; each field's description is the README's line on it."""

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
    keyring: str = Field(
        "",
        description="Sealing keys as `id:base64`, comma-separated, newest first; empty means the key file.",
    )
    content_dir: Path | None = Field(None, description="Your own editions; empty means the ones shipped.")
    public_url: AnyHttpUrl = Field(
        AnyHttpUrl("http://127.0.0.1:8000"), description="Where respondents and programs reach this service."
    )
    retention_draft_hours: int = Field(
        72, ge=1, le=24 * 90, description="Drafts are deleted after this long."
    )
    retention_days: int = Field(
        30, ge=1, le=3650, description="Submissions are deleted this many days after they were submitted."
    )
    max_body_bytes: int = Field(64 * 1024, ge=4096, le=10**7, description="Larger bodies get 413.")
    body_seconds: float = Field(10.0, gt=0, le=60, description="Slower bodies get 408.")
    queue_limit: int = Field(1000, ge=1, description="Writes waiting beyond this get 503 with Retry-After.")
    database_pool: int = Field(8, ge=1, le=64, description="Connections and threads per process.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'preconsult.db'}"

    @property
    def key_file(self) -> Path:
        return self.data_dir / "keyring"

    @property
    def development(self) -> bool:
        return self.env == "development"

    def refuse_unsafe(self) -> Self:
        """Raise Refusal when a setting is not safe in production."""
        url = urlsplit(str(self.public_url))
        if not self.development and url.scheme != "https" and url.hostname not in LOOPBACK:
            raise Refusal("PRECONSULT_PUBLIC_URL must be https in production; put TLS in front and name it.")
        if not self.development and "sslmode=disable" in self.database:
            raise Refusal("PRECONSULT_DATABASE_URL turns TLS off; remove sslmode=disable in production.")
        return self


def load_settings() -> Settings:
    """Settings from the environment. Raises Refusal naming the setting at fault, never its value."""
    try:
        return Settings(**_secrets()).refuse_unsafe()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "PRECONSULT_" + "_".join(str(part) for part in first["loc"]).upper()
        raise Refusal(f"{name} can't be used: {first['msg']}.") from None


def _secrets() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in SECRETS:
        path = os.environ.get(f"PRECONSULT_{name}_FILE")
        if path:
            try:
                found[name.lower()] = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                raise Refusal(f"PRECONSULT_{name}_FILE names a file that can't be read.") from None
    return found
