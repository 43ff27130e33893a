"""The summary "Things to discuss with a clinician": authored texts, and verbatim quotations of the article.

Responsible for: JSON-ready dicts and their digest.
Never: reads the clock (the caller adds `made_at`) or decides what may be quoted (evaluation.py does). The
dicts prepared here are shared and must not be changed.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from app.rules.engine.article import Article, Passage
from app.rules.engine.crisis_resources import Crisis, Resource
from app.rules.engine.evaluation import Evaluation, FiredRule
from app.rules.engine.questionnaire import Questionnaire
from app.rules.engine.rule import RuleBook
from app.rules.engine.texts import ItemTexts, Texts

Json = dict[str, Any]


class Phrasebook:
    """The texts of one edition in one language, prepared once: placeholders replaced, quotations sliced."""

    def __init__(
        self, texts: Texts, article: Article, article_text: str, *, crisis: Crisis, place: str, book: RuleBook
    ) -> None:
        self.texts = texts
        numbers = crisis.numbers(place)
        self.numbers = numbers
        self.footer = texts.summary.footer.format(**numbers)
        self.items = {name: self._item(words) for name, words in texts.items.items()}
        self.rules = {name: words.format(**numbers) for name, words in texts.rules.items()}
        self.cautions = {name: {"id": name, "text": words} for name, words in texts.cautions.items()}
        self.resources = [self._resource(each) for each in crisis.at(place)]
        self.helplines = {
            rule.id: [each for kind in rule.resources for each in self.resources if each["kind"] == kind]
            for rule in book.rules
        }
        self.quotations = {each.id: self._quotation(each, article, article_text) for each in article.passages}
        self.sources = [self._source(article)]
        self.general_cautions = [self.cautions[name] for name in article.general_cautions]

    def issue(
        self, questionnaire: Questionnaire, pointer: str, code: str, figures: Mapping[str, object]
    ) -> str:
        """Return the message that a respondent reads about one issue; it says what to do."""
        named = dict(figures)
        item = self.items.get(pointer.split("/")[2])
        if item and "option" in named:
            named["option"] = item.options.get(str(named["option"]), named["option"])
        return self.texts.issues[code].format(**named)

    def section(self, article: Article, passage: Passage) -> str:
        """Return, for example, "section 2, sentence 1".

        The headings of the article only locate passages; they are never headings of the summary.
        """
        number, sentence = article.place(passage)
        return self.texts.sections["section" if number else "intro"].format(n=number, m=sentence)

    def _item(self, words: ItemTexts) -> ItemTexts:
        said = {"text": words.text, "why": words.why, "yes": words.yes, "no": words.no}
        filled = {part: each and each.format(**self.numbers) for part, each in said.items()}
        options = {code: label.format(**self.numbers) for code, label in words.options.items()}
        return words.model_copy(update={**filled, "options": options})

    def _resource(self, each: Resource) -> Json:
        said = self.texts.crisis[each.id]
        words = {"id": each.id, "kind": each.kind, "name": said.name, "note": said.note, "hours": each.hours}
        ways = {"call": each.call, "text": each.text, "chat_url": each.chat_url}
        return _ordered(words | ways | {"languages": list(each.languages)})

    def _quotation(self, passage: Passage, article: Article, text: str) -> Json:
        prefix, suffix = article.context(text, passage)
        quotation: Json = {
            "passage": passage.id,
            "exact": text[passage.start : passage.end],
            "lang": article.article.lang,
            "prefix": prefix,
            "suffix": suffix,
            "start": passage.start,
            "end": passage.end,
            "section": self.section(article, passage),
        }
        if passage.id in self.texts.gists:
            quotation["gist"] = self.texts.gists[passage.id]
        return _ordered(quotation | {"cautions": [self.cautions[name] for name in passage.cautions]})

    def _source(self, article: Article) -> Json:
        meta = article.article
        published = meta.published and meta.published.isoformat()
        note = self.texts.summary.source.format(title=meta.title, sha256=meta.sha256[:12])
        document = {"article": meta.id, "title": meta.title, "sha256": meta.sha256}
        return _ordered(document | {"published": published, "note": note})


def interruptions(evaluation: Evaluation, words: Phrasebook) -> list[Json]:
    """Return the crisis and emergency blocks by precedence; `page` ones are shown alone, before all else."""
    return [
        {
            "kind": each.rule.interruption,
            "resources": words.helplines[each.rule.id],
            "rule": each.rule.id,
            "text": words.rules[each.rule.id],
        }
        for each in evaluation.fired
        if each.rule.interruption
    ]


def summarise(evaluation: Evaluation, words: Phrasebook, *, questionnaire: str, edition: str) -> Json:
    """Return the summary as a JSON-ready dict with its digest, interruptions first, without `made_at`."""
    said = (
        [] if evaluation.mode == "none" else [each for each in evaluation.fired if not each.rule.interruption]
    )
    topics = [_topic(each, evaluation, words) for each in said]
    fixed = words.texts.summary
    summary: Json = {
        "interruptions": interruptions(evaluation, words),
        "title": fixed.title,
        "notice": list(fixed.notice),
        "topics": topics,
        "general_cautions": words.general_cautions if any(topic["quotations"] for topic in topics) else [],
        "sources": words.sources,
        "who_to_talk_to": fixed.who_to_talk_to,
        "who_can_see": fixed.who_can_see_text,
        "footer": words.footer,
        "questionnaire": questionnaire,
        "edition": edition,
        "language": words.texts.language,
        "citation_mode": evaluation.mode,
    }
    if topics and words.texts.questions:  # only in editions that have such texts
        groups = dict.fromkeys(topic["group"] for topic in topics)
        asked = (words.texts.questions.get(group, ()) for group in groups)
        summary["questions"] = [question for each in asked for question in each]
    if topics and words.texts.not_covered:
        summary["not_covered"] = list(words.texts.not_covered)
    return summary | {"digest": canonical_digest(summary)}


def _topic(each: FiredRule, evaluation: Evaluation, words: Phrasebook) -> Json:
    return {
        "because": [{"answer": answer, "link_id": name} for name, answer in each.because.items()],
        "group": each.rule.group,
        "quotations": [words.quotations[passage.id] for passage in evaluation.quoted[each.rule.id]],
        "rule": each.rule.id,
        "text": words.rules[each.rule.id],
    }


def canonical_digest(document: Json) -> str:
    """Return the SHA-256, in hex, of the canonical JSON of `document` (RFC 8785).

    The documents contain strings, integers, booleans, null, arrays and objects with ASCII keys, and the
    objects inside them are created with sorted keys. So only the outermost object is sorted here, and the
    compact form is the canonical one (a test compares it with another implementation, for any answers).
    """
    return hashlib.sha256(to_json(_ordered(document))).hexdigest()


def _ordered(document: Json) -> Json:
    return dict(sorted(document.items()))
