"""An edition: questionnaire, rules, article and texts, published together and immutable.

Responsible for: the interface to the rules for all other code.
Never: uses the clock, the network, a database or a framework.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from app.rules.engine import answers as answering
from app.rules.engine import summary as summarising
from app.rules.engine.article import Article
from app.rules.engine.condition import Answers
from app.rules.engine.crisis_resources import Crisis
from app.rules.engine.evaluation import Evaluation, RuleEngine
from app.rules.engine.questionnaire import Questionnaire
from app.rules.engine.rule import Flag, RuleBook, Strict
from app.rules.engine.summary import Json, Phrasebook
from app.rules.engine.texts import Texts


class EditionMeta(Strict):
    """edition.yaml. `reviewed_by`: the clinician who signed it off; null is shown as not yet reviewed.

    `switches`: the optional question groups that a clinic may turn off, by name: the linkIds that are then
    never enabled.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    title: str
    languages: tuple[str, ...] = Field(min_length=1)
    place: str
    reviewed_by: str | None
    review_by: dt.date
    article_file: str
    flags: tuple[Flag, ...]
    switches: dict[str, tuple[str, ...]] = Field(default_factory=dict)


MAX_TAG_LENGTH = 35  # characters of a language tag that are read


@dataclass(frozen=True, eq=False)
class Edition:
    """One published edition.

    `sha256`: the hash over its files. `phrasebooks`: one for each language, the default language first.
    `off`: the optional question groups that the clinic has turned off; `asked`: the questionnaire with those
    items never enabled.
    `unreviewed`: translations that no one has signed off may be served.
    """

    meta: EditionMeta
    questionnaire: Questionnaire
    book: RuleBook
    article: Article
    article_text: str
    texts: Mapping[str, Texts]
    crisis: Crisis
    sha256: str
    folder: Path
    off: frozenset[str] = frozenset()
    unreviewed: bool = True
    asked: Questionnaire = field(init=False)
    phrasebooks: Mapping[str, Phrasebook] = field(init=False)
    rules: RuleEngine = field(init=False)

    def __post_init__(self) -> None:
        phrasebooks = {
            language: Phrasebook(
                texts,
                self.article,
                self.article_text,
                crisis=self.crisis,
                place=self.meta.place,
                book=self.book,
            )
            for language, texts in self.texts.items()
        }
        object.__setattr__(self, "phrasebooks", phrasebooks)
        never = {name for switch in self.off for name in self.meta.switches.get(switch, ())}
        object.__setattr__(self, "asked", self.questionnaire.never_asking(never))
        rules = RuleEngine(self.book.rules, self.article, self.meta.flags, self.questionnaire.unknown)
        object.__setattr__(self, "rules", rules)

    @property
    def id(self) -> str:
        return self.meta.id

    @property
    def version(self) -> str:
        return self.meta.version

    def flag(self, name: str, priority: int) -> Flag:
        """Return a raised flag with its targets.

        A flag that goes with others takes the targets of the one that has this priority.
        """
        flags = {flag.id: flag for flag in self.meta.flags}
        parents = (flags[parent] for parent in flags[name].with_flags)
        parent = next((each for each in parents if each.priority == priority), flags[name])
        targets = {"target_open": parent.target_open, "target_closed": parent.target_closed}
        return flags[name].model_copy(update={"priority": priority} | targets)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages served, the default first."""
        default, *others = self.meta.languages
        return (default, *(each for each in others if self.unreviewed or self.texts[each].reviewed_by))

    def unreviewed_languages(self, language: str) -> bool:
        """Return True for a translation that no one has signed off."""
        return language != self.meta.languages[0] and not self.texts[language].reviewed_by

    def title(self, language: str) -> str:
        """Return the title of the questionnaire in a language."""
        return self.texts[language].title or self.meta.title

    def language(self, wanted: str | None) -> str:
        """Return the served language for the BCP 47 tag `wanted` (RFC 4647 lookup), or the default."""
        parts = (wanted or "")[:MAX_TAG_LENGTH].lower().split("-")
        served = {language.lower(): language for language in self.languages}
        tried = ("-".join(parts[:size]) for size in range(len(parts), 0, -1))
        return next((served[tag] for tag in tried if tag in served), self.meta.languages[0])

    def check(
        self,
        answers: Mapping[str, object],
        contact: Mapping[str, object] | None = None,
        *,
        complete: bool = True,
    ) -> answering.ValidationResult:
        """Return all issues at once; see `answers.check`."""
        return answering.validate(self.asked, answers, contact or {}, complete=complete)

    def enabled(self, answers: Answers) -> frozenset[str]:
        """Return the linkIds of the items to be shown for these answers."""
        return self.asked.enabled(answers)

    def evaluate(
        self, answers: Answers, raised: Sequence[str] = (), *, enabled: frozenset[str] | None = None
    ) -> Evaluation:
        """Evaluate the rules for checked answers.

        `enabled`: the enabled items, if a check has already found them; otherwise they are computed.
        """
        return self.rules.evaluate(answers, self.enabled(answers) if enabled is None else enabled, raised)

    def summarise(self, evaluation: Evaluation, language: str) -> Json:
        """Return the summary in a served language, with its digest; equal answers give equal summaries."""
        return summarising.summarise(
            evaluation, self.phrasebooks[language], questionnaire=self.id, edition=self.version
        )

    def interruptions(self, evaluation: Evaluation, language: str) -> list[Json]:
        """Return the interruptions, which must be shown before anything else, on drafts too."""
        return summarising.interruptions(evaluation, self.phrasebooks[language])

    def message_for(self, issue: answering.Issue, language: str) -> str:
        """Return the message for one issue in a served language."""
        return self.phrasebooks[language].issue(self.questionnaire, issue.pointer, issue.code, issue.figures)
