"""Rules and flags as data: what is asked, what is said, what staff must do.

Office: the shapes of rules.yaml and of the flags in edition.yaml. Refuses: evaluation (edition.py).
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.rules.condition import Condition

Mode = Literal["full", "limited", "none"]
ResourceKind = Literal["emergency", "crisis", "local"]


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class Rule(Strict):
    """One rule. An interruption is shown before anything else; every other fired rule is a topic.

    `even_if_disabled`: it heeds an answer although its question is not enabled (safety beats the age stop).
    `stops`: groups that don't run once it fired; `keeps`: the only answers then stored.
    `basis`: sources of facts that are not in the article.
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
    """Groups in precedence order, rules in the order they are asked."""

    groups: tuple[str, ...]
    rules: tuple[Rule, ...]


class Flag(Strict):
    """What staff must look at, and by when (targets are the clinic's to set).

    `priority`: 1 is the most urgent; `parent` takes the most urgent of the raised `with_flags`.
    `target_open`: ISO 8601 duration or a word; `target_closed`: what holds outside opening hours.
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
