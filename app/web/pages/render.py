"""Templates into pages, in the reader's language.

Office: the one template environment, the interface's words by gettext (Babel's catalogs), dates and times of
the clinic's zone. Refuses: undefined names, scripts and styles inside a page, anything from elsewhere.
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
NUMERIC = {"ht": "dd/MM/y"}  # CLDR has no names of months in Haitian Creole


@cache
def environment(language: str) -> "Environment":
    """The templates, their interface in `language` or, without a catalog for it, in English."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape  # noqa: PLC0415

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        auto_reload=False,  # a release's templates do not change under it
        undefined=StrictUndefined,
        autoescape=select_autoescape(("html",), default=False),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= _spoken(translations(language)) | {"static": static}
    return made


def _spoken(catalog: gettext.NullTranslations) -> dict[str, Callable[..., Markup]]:
    """`_` and `ngettext` for templates: ours is the markup, what is filled in is escaped.

    jinja2.ext.i18n would do the same by three calls of a template's context for each of ours.
    """

    @cache
    def marked(words: str) -> Markup:
        return Markup(catalog.gettext(words))  # noqa: S704 - words of templates, not of people

    def say(words: str, **values: object) -> Markup:
        said = marked(words)
        return said % values if "%" in said else said

    def count(one: str, many: str, num: int, **values: object) -> Markup:
        said = Markup(catalog.ngettext(one, many, num))  # noqa: S704
        return said % ({"num": num} | values)

    return {"_": say, "ngettext": count}


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The interface's catalog of a language, read from its .po file."""
    path = LOCALES / f"{language}.po"
    if not path.exists():
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - for who serves another language
    from babel.messages.pofile import read_po  # noqa: PLC0415

    with path.open("rb") as file:
        catalog = read_po(file, locale=language.replace("-", "_"))
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


@cache
def static(name: str) -> str:
    """The address of a static file; it changes with the file, so that it can be kept for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:10]}"


@cache
def locale(language: str) -> "Locale":
    """What CLDR knows of a language."""
    from babel import Locale  # noqa: PLC0415 - for pages

    return Locale.parse(language.replace("-", "_"))


@cache
def language_name(language: str) -> str:
    """A language in its own words, as "Español"."""
    name = locale(language).get_language_name(language.partition("-")[0]) or language
    return name[:1].upper() + name[1:]


def date(at: dt.datetime, language: str, zone: str) -> str:
    """A day, as "November 27, 2026"."""
    from babel.dates import format_date  # noqa: PLC0415 - for pages

    pattern = NUMERIC.get(language, "long")
    return format_date(at.astimezone(zoneinfo.ZoneInfo(zone)).date(), pattern, locale=locale(language))


def moment(at: dt.datetime, language: str, zone: str) -> str:
    """A day and time with its zone, as "November 27, 2026, 4:10 PM (EST)"."""
    from babel.dates import format_time  # noqa: PLC0415 - for pages

    local = at.astimezone(zoneinfo.ZoneInfo(zone))
    clock = format_time(local, "short", locale=locale(language)).replace("\u202f", " ")
    return f"{date(at, language, zone)}, {clock} ({local.tzname()})"


def render(template: str, language: str, **words: Any) -> str:
    """One page."""
    return environment(language).get_template(template).render(language=language, **words)
