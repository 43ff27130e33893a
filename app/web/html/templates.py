"""Rendering of templates in the reader's language.

Responsible for: the one template environment, interface texts by gettext (Babel catalogues), and dates and
times in the clinic's time zone. Never: accepts undefined names, and never allows scripts or styles inside a
page, or external resources.
"""

import datetime as dt
import gettext
import hashlib
import io
import zoneinfo
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from babel import Locale
    from jinja2 import Environment

WEB = Path(__file__).parents[1]
TEMPLATES, LOCALES, STATIC = WEB / "templates", WEB / "locales", WEB / "static"
SOURCE = "en"  # the language the templates are written in
NUMERIC = {"ht": "dd/MM/y"}  # CLDR has no month names in Haitian Creole


@cache
def environment(language: str) -> "Environment":
    """The template environment with the interface in `language`, or in English without a catalogue for it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape  # noqa: PLC0415

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        auto_reload=False,  # templates do not change while a release runs
        undefined=StrictUndefined,
        autoescape=select_autoescape(("html",), default=False),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= _spoken(translations(language)) | {"static": static}
    return made


def _spoken(catalog: gettext.NullTranslations) -> dict[str, Callable[..., Markup]]:
    """`_` and `ngettext` for templates: the translated text is markup, the values filled in are escaped.

    `jinja2.ext.i18n` does the same with three calls of the template context for each call here.
    """

    @cache
    def marked(words: str) -> Markup:
        return Markup(catalog.gettext(words))  # noqa: S704 - texts from templates, not user input

    def say(words: str, **values: object) -> Markup:
        said = marked(words)
        return said % values if "%" in said else said

    def count(one: str, many: str, num: int, **values: object) -> Markup:
        said = Markup(catalog.ngettext(one, many, num))  # noqa: S704
        return said % ({"num": num} | values)

    return {"_": say, "ngettext": count}


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The interface's gettext catalogue of a language, read from its .po file."""
    path = LOCALES / f"{language}.po"
    if not path.exists():
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - only needed for other languages than English
    from babel.messages.pofile import read_po  # noqa: PLC0415

    with path.open("rb") as file:
        catalog = read_po(file, locale=language.replace("-", "_"))
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


@cache
def static(name: str) -> str:
    """The address of a static file; it changes with the content, so that it can be cached forever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:10]}"


@cache
def locale(language: str) -> "Locale":
    """The CLDR data of a language."""
    from babel import Locale  # noqa: PLC0415 - only needed for pages

    return Locale.parse(language.replace("-", "_"))


@cache
def language_name(language: str) -> str:
    """The name of a language in that language, as "Español"."""
    name = locale(language).get_language_name(language.partition("-")[0]) or language
    return name[:1].upper() + name[1:]


def date(at: dt.datetime, language: str, zone: str) -> str:
    """A date, as "November 27, 2026"."""
    from babel.dates import format_date  # noqa: PLC0415 - only needed for pages

    pattern = NUMERIC.get(language, "long")
    return format_date(at.astimezone(zoneinfo.ZoneInfo(zone)).date(), pattern, locale=locale(language))


def moment(at: dt.datetime, language: str, zone: str) -> str:
    """A date and time with its zone, as "November 27, 2026, 4:10 PM (EST)"."""
    from babel.dates import format_time  # noqa: PLC0415 - only needed for pages

    local = at.astimezone(zoneinfo.ZoneInfo(zone))
    clock = format_time(local, "short", locale=locale(language)).replace("\u202f", " ")
    return f"{date(at, language, zone)}, {clock} ({local.tzname()})"


def render(template: str, language: str, **words: Any) -> str:
    """One rendered page."""
    return environment(language).get_template(template).render(language=language, **words)
