"""The differences in meaning between two editions, and between two evaluations of the same answers.

Responsible for: `content diff` and the reasons in `verification`.
Never: compares layout; a moved line is not a difference.
"""

from collections.abc import Iterator
from typing import Any

from app.rules.engine.edition import Edition
from app.rules.engine.evaluation import Evaluation
from app.rules.engine.summary import Json


def provenance(edition: Edition, evaluation: Evaluation, digest: str) -> Json:
    """Return what a summary is based on.

    It is small enough to store with the answers, and enough to report later what has changed.
    """
    return {
        "digest": digest,
        "edition_sha256": edition.sha256,
        "article_sha256": edition.article.article.sha256,
        "citation_mode": evaluation.mode,
        "rules": [each.rule.id for each in evaluation.fired],
        "passages": [passage.id for each in evaluation.quoted.values() for passage in each],
    }


def diff_provenance(then: Json, now: Json) -> list[Json]:
    """Return the differences as `[{what, then, now}]`, the digest last; empty if the summary is identical."""
    names = [name for name in now if name != "digest"] + ["digest"]
    return [
        {"what": name, "then": then.get(name), "now": now[name]}
        for name in names
        if then.get(name) != now[name]
    ]


def diff_editions(old: Edition, new: Edition) -> Iterator[str]:
    """Yield one line for each difference, for example "rule P_CRPS: cites was P17, P20, is P20"."""
    before, after = dict(_facts(old)), dict(_facts(new))
    yield from (f"- {name} is gone" for name in before if name not in after)
    yield from (f"+ {name} is new" for name in after if name not in before)
    for name, was in before.items():
        now = after.get(name, was)
        for part in sorted(was.keys() | now.keys()):
            if was.get(part) != now.get(part):
                yield f"~ {name}: {part} was {_shown(was.get(part))}, is {_shown(now.get(part))}"


def _facts(edition: Edition) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "edition", edition.meta.model_dump(exclude={"version", "flags"})
    yield "article", edition.article.article.model_dump()
    yield "every quotation", {"cautions": edition.article.general_cautions}
    yield "order of groups", {"groups": edition.book.groups}
    yield "order of rules", {"rules": tuple(rule.id for rule in edition.book.rules)}
    for flag in edition.meta.flags:
        yield f"flag {flag.id}", flag.model_dump()
    for item, group in edition.questionnaire.placed:
        yield f"question {item.link_id}", {"group": group, **item.model_dump(exclude={"item"})}
    for rule in edition.book.rules:
        yield f"rule {rule.id}", rule.model_dump()
    for passage in edition.article.passages:
        yield f"passage {passage.id}", passage.model_dump()
    for name, caution in edition.article.cautions.items():
        yield f"caution {name}", caution.model_dump()
    for resource in edition.crisis.resources:
        yield f"crisis resource {resource.id}", resource.model_dump()
    for place, primary in edition.crisis.primary.items():
        yield f"numbers in {place}", primary.model_dump()
    for language, texts in edition.texts.items():
        for path, words in texts.authored_strings():
            yield f"words {language} {'.'.join(path)}", {"text": words}
        yield f"words {language}", {"reviewed_by": texts.reviewed_by}


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value)) or "nothing"
    return "nothing" if value is None else str(value)
