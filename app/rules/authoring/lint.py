"""`preconsult content check`: finds every mistake of an author that a program can detect.

Responsible for: texts, reachability, review dates and example cases, in addition to integrity.py.
Never: changes a file or reads the clock; the caller passes `today`.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from app.rules.authoring.edition_files import Draft, InvalidContent, LintError, Place, read_draft
from app.rules.authoring.example_cases import Case, run_case
from app.rules.authoring.integrity import check_integrity, item_locations
from app.rules.authoring.reachability import TooManyCombinations, enabling_conditions, reachable_answers
from app.rules.authoring.readability import exceeds_reading_level
from app.rules.authoring.yaml_source import YamlError, read
from app.rules.engine.condition import Answers, Condition, fired_asked, referenced_rules
from app.rules.engine.edition import Edition
from app.rules.engine.rule import Rule
from app.rules.engine.texts import Texts

CASES = TypeAdapter(tuple[Case, ...])


def check(folder: Path, *, today: dt.date) -> list[LintError]:
    """Return every finding in the edition at `folder` by file and line; none if it may be published."""
    try:
        draft = read_draft(folder)
    except InvalidContent as faulty:
        return faulty.findings
    found = check_integrity(draft)
    if found:
        return found  # the checks below need an edition without these
    edition = draft.edition()
    return sorted(
        {
            *_banned(draft),
            *_reading(draft),
            *_reach(draft, edition),
            *_reviews(draft, today),
            *_cases(draft, edition),
        }
    )


def banned_phrases_in(words: str, texts: Texts) -> list[str]:
    """Return the ids of the banned phrases that match in `words`."""
    return [banned.id for banned in texts.banned_phrases if re.search(banned.regex, words, re.IGNORECASE)]


def _banned(draft: Draft) -> Iterator[LintError]:
    numbers = draft.crisis.numbers(draft.meta.place)
    for language, texts in draft.texts.items():
        for path, words in texts.authored_strings():
            filled = words.format_map(_Filled(numbers))
            for name in banned_phrases_in(filled, texts):
                bans = next(each.bans for each in texts.banned_phrases if each.id == name)
                at = f"texts/{language}"
                yield draft.finding(at, path, f"{'.'.join(path)} hits {name} ({bans}); say it another way.")


class _Filled(dict[str, str]):
    """Replaces every placeholder that has no value yet with a plain word."""

    def __missing__(self, name: str) -> str:
        return "this"


def _reading(draft: Draft) -> Iterator[LintError]:
    for language, texts in draft.texts.items():
        names = sorted(texts.names_of_conditions, key=len, reverse=True)
        for path, words in texts.authored_strings():
            if path[0] == "flags":
                continue  # only staff read these
            plain = words
            for name in names:
                plain = re.sub(re.escape(name), "it", plain, flags=re.IGNORECASE)
            harder = exceeds_reading_level(plain, language)
            if harder:
                at = f"texts/{language}"
                yield draft.finding(
                    at, path, f"{'.'.join(path)} is hard to read ({harder}); use shorter words."
                )


def _reach(draft: Draft, edition: Edition) -> Iterator[LintError]:
    for place, item in item_locations(draft):
        tried = reachable_answers(edition, enabling_conditions(edition, item.link_id))
        if item.enable_when and _first(tried, _enables(edition, item.link_id)) is None:
            yield draft.finding(
                "questionnaire", place, f"No answers enable {item.link_id}; mend its enableWhen."
            )
    witnesses: list[Answers] = [{}]
    rules = {rule.id: rule for rule in draft.book.rules}
    for index, rule in enumerate(draft.book.rules):
        others = witnesses if next(referenced_rules(rule.when), None) else [{}]
        rested = _rests_on(rule, rules)
        tried = ({**other, **own} for own in reachable_answers(edition, rested) for other in others)
        witness = _first(tried, _fires(edition, rule.id))
        if witness is None:
            yield draft.finding("rules", ("rules", index), f"No answers fire {rule.id}; mend its `when`.")
        else:
            witnesses.append(witness)


def _rests_on(rule: Rule, rules: Mapping[str, Rule]) -> Iterator[Condition]:
    yield rule.when
    for name in fired_asked(rule.when):
        yield from _rests_on(rules[name], rules)


def _first(tried: Iterator[Answers], wanted: Callable[[Answers], bool]) -> Answers | None:
    try:
        return next((answers for answers in tried if wanted(answers)), None)
    except TooManyCombinations:
        return {}


def _enables(edition: Edition, item: str) -> Callable[[Answers], bool]:
    return lambda answers: item in edition.enabled(answers)


def _fires(edition: Edition, rule: str) -> Callable[[Answers], bool]:
    return lambda answers: rule in {each.rule.id for each in edition.evaluate(answers).fired}


def _reviews(draft: Draft, today: dt.date) -> Iterator[LintError]:
    dated: list[tuple[str, Place, str, dt.date]] = [
        ("edition", ("review_by",), "This edition", draft.meta.review_by)
    ]
    dated += [("article", ("cautions", name), f"The caution {name}", each.review_by)
              for name, each in draft.article.cautions.items()]  # fmt: skip
    dated += [("crisis", ("resources", index), f"The resource {each.id}", each.review_by)
              for index, each in enumerate(draft.crisis.resources)]  # fmt: skip
    for file, place, what, review_by in dated:
        if review_by < today:
            yield draft.finding(
                file, place, f"{what} was to be reviewed by {review_by}; review it and set a new date."
            )


def _cases(draft: Draft, edition: Edition) -> Iterator[LintError]:
    path = draft.folder / "cases.yaml"
    try:
        source = read(path)
        cases = CASES.validate_python(source.data)
    except YamlError as error:
        yield LintError(path, error.line, f"The cases can't be read: {error.reason}.")
        return
    except ValidationError as error:
        for each in error.errors(include_url=False, include_input=False):
            yield LintError(
                path, source.line(*each["loc"]), f"{'.'.join(map(str, each['loc']))}: {each['msg']}."
            )
        return
    for index, case in enumerate(cases):
        for difference in run_case(edition, case):
            yield LintError(path, source.line(index), f"“{case.case}” does not hold: {difference}.")
