"""The models of rules and flags: their conditions, what they cite, and what staff must do.

Responsible for: the models of rules.yaml and of the flags in edition.yaml.
Never: evaluates a rule (evaluation.py does).
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.rules.engine.condition import Condition

Mode = Literal["full", "limited", "none"]
ResourceKind = Literal["emergency", "crisis", "local"]


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class Rule(Strict):
    """One rule. An interruption is shown before anything else; every other fired rule is a topic.

    `even_if_disabled`: the rule also considers answers to questions that are not enabled (safety takes
    precedence over the age stop).
    `stops`: the groups that are not evaluated after the rule fires; `keeps`: the only answers stored then.
    `basis`: the sources of facts that are not in the article.
    """

    id: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    group: str
    when: Condition
    interruption: Literal["page", "block"] | None = None
    resources: tuple[ResourceKind, ...] = ()
    citation_mode: Literal["none", "limited"] | None = None
    even_if_disabled: bool = False
    stops: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()
    basis: tuple[str, ...] = ()


class RuleBook(Strict):
    """The groups in precedence order and the rules in evaluation order."""

    groups: tuple[str, ...]
    rules: tuple[Rule, ...]


class Flag(Strict):
    """What staff must handle, and by when (each clinic can set its own targets).

    `priority`: 1 is the most urgent; `parent` takes the most urgent priority of the raised `with_flags`.
    `target_open`: an ISO 8601 duration or a keyword; `target_closed`: the target outside opening hours.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    priority: Literal[1, 2, 3, 4, "parent"]
    raised_by: tuple[str, ...] = ()
    with_flags: tuple[str, ...] = ()
    unless: Condition | None = None
    target_open: str = Field(
        pattern=r"^(P(\d+D)?(T(\d+H)?(\d+M)?)?|same_day|two_working_days|consultation|parent)$"
    )
    target_closed: Literal["on_call", "next_opening", "none", "parent"]
    action: str
