"""Interface texts in each language: complete, placeholders and plurals correct, easy to read, none banned."""

import ast
import re
from pathlib import Path

import pytest
from babel import Locale
from babel.messages.catalog import Catalog, Message

from app.rules.authoring.lint import banned_phrases_in
from app.rules.authoring.readability import exceeds_reading_level
from app.rules.engine.edition import Edition
from tests.conftest import LIBRARY
from tests.translations import LOCALES, ROOT, catalog, wanted

WANTED = wanted()
LANGUAGES = ["es", "ht", "pt-BR"]
PLACE = re.compile(r"%(?:\(\w+\))?[a-z%]")
MARKUP = re.compile(r"\{[{%#].*?[}%#]\}|<[^>]*>", re.DOTALL)
SAYS_NOTHING = {"left.html"}  # shows an empty page; is not translated


def edition() -> Edition:
    found = LIBRARY().current("ketamine-preconsult")
    assert found is not None
    return found


def messages(found: Catalog) -> list[Message]:
    return [message for message in found if message.id]


def parts(words: object) -> list[str]:
    """A message or its plural forms."""
    return [str(each) for each in words] if isinstance(words, list | tuple) else [str(words)]


def kept(language: str) -> Catalog:
    return catalog(LOCALES / f"{language}.po")


def hard_or_banned(words: list[str], language: str) -> list[str]:
    """Messages that are hard to read or contain banned phrases, with a number in each placeholder."""
    texts = edition().texts[language]
    spoken = [PLACE.sub("7", each) for each in words]
    hard = [f"{each}: {told}" for each in spoken if (told := exceeds_reading_level(each, language))]
    return hard + [f"{each}: {name}" for each in spoken for name in banned_phrases_in(each, texts)]


def test_a_page_says_nothing_that_is_not_a_message() -> None:
    bare = {
        path.name: words
        for path in (ROOT / "app/web/templates/form").glob("*.html")
        if (words := re.findall(r"\w+", MARKUP.sub(" ", path.read_text(encoding="utf-8"))))
    }
    assert bare.keys() == SAYS_NOTHING


def test_every_message_of_a_page_is_gathered_since_it_is_said_by_one_name() -> None:
    """Babel finds a translator only by the name `_`; with another, its messages would stay English."""
    bound = [
        (ast.unparse(node.targets[0]), ast.unparse(node.value))
        for folder in ("form", "html")
        for path in Path(ROOT, "app/web", folder).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign)
    ]
    translators = [
        (name, made) for name, made in bound if re.search(r"gettext$|^gettext_for\((?!edition)", made)
    ]
    assert len(translators) >= 5
    assert [each for each in translators if each[0] != "_"] == []


def test_there_is_a_catalog_for_each_language_but_the_one_of_the_templates() -> None:
    assert sorted(path.stem for path in LOCALES.glob("*.po")) == LANGUAGES
    assert set(edition().languages) == {"en", *LANGUAGES}


def test_the_words_themselves_are_easy_and_not_banned() -> None:
    words = [each for message in messages(WANTED) for each in parts(message.id)]
    assert len(words) > 80
    assert hard_or_banned(words, "en") == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalog_holds_what_is_said_and_nothing_more(language: str) -> None:
    found = kept(language)
    asked, held = ({str(message.id) for message in messages(each)} for each in (WANTED, found))
    assert (sorted(asked - held), sorted(held - asked)) == ([], [])
    assert list(found.obsolete) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_translated_by_a_person_in_each_plural_form(language: str) -> None:
    found = kept(language)
    forms = set(Locale.parse(language, sep="-").plural_form.tags | {"other"}) - {"many"}  # many: millions
    assert found.num_plurals == len(forms)
    open_ones = [
        str(message.id)
        for message in messages(found)
        if message.fuzzy
        or not all(parts(message.string))
        or len(parts(message.string)) != (len(forms) if message.pluralizable else 1)
    ]
    assert open_ones == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_places_of_its_message(language: str) -> None:
    wrong = [
        (each, sorted(PLACE.findall(parts(message.id)[0])))
        for message in messages(kept(language))
        for each in parts(message.string)
        if each and sorted(PLACE.findall(each)) != sorted(PLACE.findall(parts(message.id)[0]))
    ]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_is_easy_and_not_banned(language: str) -> None:
    words = [each for message in messages(kept(language)) for each in parts(message.string)]
    assert hard_or_banned(words, language) == []
