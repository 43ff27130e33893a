"""The clinic's branding: name, logo, colours, contact line and privacy text.

Responsible for: converting settings into template values and one small style sheet. Never: accepts colours
with too little contrast (settings.py checks that), and never treats the clinic's texts as markup.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from app.settings import LOGOS, Settings

SHEET = """:root {{ --accent: {light}; --on-accent: #ffffff; }}
@media (prefers-color-scheme: dark) {{ :root {{ --accent: {dark}; --on-accent: #14191d; }} }}
"""


@dataclass(frozen=True, slots=True)
class Theme:
    """The branding of the pages; the addresses of `sheet` and `logo` change with their content."""

    name: str
    contact: str
    privacy: tuple[str, ...]
    zone: str
    leave: str
    sheet: bytes
    logo: bytes | None
    logo_type: str
    sheet_address: str
    logo_address: str | None

    @classmethod
    def from_settings(cls, settings: Settings) -> "Theme":
        logo = settings.clinic_logo
        paragraphs = settings.clinic_privacy.replace("\r\n", "\n").split("\n\n")
        sheet = SHEET.format(light=settings.clinic_color, dark=settings.clinic_color_dark).encode()
        assessment = logo.read_bytes() if logo else None
        return cls(
            name=settings.clinic_name,
            contact=settings.clinic_contact,
            privacy=tuple(each.strip() for each in paragraphs if each.strip()),
            zone=settings.clinic_time_zone,
            leave=str(settings.exit_url or "/form/left"),
            sheet=sheet,
            logo=assessment,
            logo_type=LOGOS[logo.suffix.lower()] if logo else "",
            sheet_address=f"/form/theme.css?v={_version(sheet)}",
            logo_address=f"/form/logo?v={_version(assessment)}" if assessment else None,
        )

    def template_context(self) -> dict[str, Any]:
        """The values that templates need."""
        return {
            "name": self.name,
            "contact": self.contact,
            "privacy": self.privacy,
            "leave": self.leave,
            "sheet": self.sheet_address,
            "logo": self.logo_address,
        }


def _version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:10]
