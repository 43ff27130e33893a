"""Proofs over every set of answers, by a solver, and an example for everything that must be possible.

The model (solver.py) is built from the edition's data. UNSAT means: no set of answers at all, complete or a
draft, with any answers to questions that are not enabled. test_peers.py shows that the model agrees with the
code.
"""

from typing import Any

import pytest
import z3  # type: ignore[import-untyped]  # z3 ships no types

from app.rules.engine.condition import Answers
from app.rules.engine.edition import Edition
from tests.rules.combinatorics import count_valid_answer_sets
from tests.rules.edition_variants import every_rule_cites_every_passage
from tests.rules.invariants import (
    CLAIMS,
    FILTERED,
    Claim,
    Spoil,
    conditions_of,
    two_rules_quote_the_same_passage,
)
from tests.rules.solver import SYMBOLS, Model, Term, symbols, values

SUBMISSIONS = 137_874_706_077_627_187_200
DRAFTS = 1_162_757_657_288_433_991_680

claims = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)


@pytest.fixture(scope="module")
def model(edition: Edition) -> Model:
    return Model(edition, SYMBOLS, symbols(edition))


def answers_that(model: Model, *terms: Term) -> Answers | None:
    """Complete answers that make `terms` true, or None when there are none."""
    return _found(model, [*model.complete(), *terms])


def _found(model: Model, terms: list[Term]) -> Answers | None:
    solver = z3.Solver()
    solver.add(*model.well_formed(), *terms)
    verdict = solver.check()
    assert verdict != z3.unknown
    return _told(model, solver.model()) if verdict == z3.sat else None


def _told(model: Model, found: Any) -> Answers:
    answers: dict[str, Any] = {}
    for name, item in model.items.items():
        told = tuple(value for value in values(item) if z3.is_true(found[model.given(name, value)]))
        if told:
            answers[name] = told if item.repeats else told[0]
    return answers


@claims
def test_no_set_of_answers_makes_it_so_that(model: Model, claim: Claim) -> None:
    assert _found(model, [claim(model)]) is None


@pytest.mark.parametrize(("claim", "spoil"), CLAIMS.items(), ids=lambda each: each.__name__)
def test_in_an_edition_that_is_spoilt_for_it_answers_are_found_so_that(
    edition: Edition, claim: Claim, spoil: Spoil
) -> None:
    spoilt = spoil(edition)
    assert _found(*_with_claim(Model(spoilt, SYMBOLS, symbols(spoilt)), claim)) is not None


@pytest.mark.parametrize("claim", FILTERED, ids=lambda claim: claim.__name__)
def test_even_if_every_rule_cites_every_passage_no_answers_make_it_so_that(
    edition: Edition, claim: Claim
) -> None:
    reckless = every_rule_cites_every_passage(edition)
    assert _found(*_with_claim(Model(reckless, SYMBOLS, symbols(reckless)), claim)) is None


def _with_claim(model: Model, claim: Claim) -> tuple[Model, list[Term]]:
    return model, [claim(model)]


class Forgetful(Model):
    """A model that ignores what was quoted before."""

    def quoted_before(self, passage: str) -> list[Term]:
        return []


def test_no_two_rules_quote_the_same_passage_and_a_forgetful_model_would(
    edition: Edition, model: Model
) -> None:
    assert _found(*_with_claim(model, two_rules_quote_the_same_passage)) is None
    forgetful = Forgetful(edition, SYMBOLS, symbols(edition))
    assert _found(*_with_claim(forgetful, two_rules_quote_the_same_passage)) is not None


@pytest.mark.parametrize("name", ["edition", "tiny", "sleep"])
def test_no_condition_is_ever_both_true_and_false(name: str, request: pytest.FixtureRequest) -> None:
    each: Edition = request.getfixturevalue(name)
    model = Model(each, SYMBOLS, symbols(each))
    for condition in conditions_of(each):
        for heedless in (False, True):
            assert _found(model, list(model.pair(condition, heedless=heedless))) is None


def test_every_set_of_answers_has_exactly_one_citation_mode(model: Model) -> None:
    modes = list(model.mode.values())
    assert _found(model, [z3.Not(z3.PbEq([(mode, 1) for mode in modes], 1))]) is None
    assert all(_found(model, [mode]) is not None for mode in modes)


def test_every_topic_that_quotes_is_a_topic_that_fired(model: Model) -> None:
    for (rule, _), quoted in model.quoted.items():
        assert _found(model, [quoted, z3.Not(model.fired[rule])]) is None


RULES = """
    U18 S_URGENT S_NOW S_RECENT S_PAST S_UNSAID A_UNKNOWN S_PROXY P_NEURO P_CRPS P_FIBRO P_CANCER P_SCD
    P_SPINE P_OTHER P_UNSURE P_SHORT P_TRIED P_UNNAMED M_TRD M_DEP_OTHER M_DEP_UNCLEAR M_MOOD_NO_DX M_ANX_PTSD
    K_BP_HEART K_VESSEL K_PSYCHOSIS K_PREGNANCY K_LIVER K_BLADDER K_PRESSURE K_SUBSTANCE K_ANESTHESIA K_PRIOR
    K_MEDS K_RIDE G_NOTHING G_WHAT G_ALWAYS
""".split()  # noqa: SIM905 - easier to read than 39 quoted names


def test_the_rules_are_the_39_of_the_specification(edition: Edition) -> None:
    assert [rule.id for rule in edition.book.rules] == RULES


@pytest.mark.parametrize("rule", RULES)
def test_no_rule_is_dead_and_none_is_a_matter_of_course(edition: Edition, model: Model, rule: str) -> None:
    for term, fires in ((model.fired[rule], True), (z3.Not(model.fired[rule]), False)):
        answers = answers_that(model, term)
        assert answers is not None
        assert edition.check(answers).issues == ()
        assert (rule in {each.rule.id for each in edition.evaluate(answers).fired}) is fires


def test_every_question_that_is_not_always_asked_is_asked_of_some_and_not_of_others(
    edition: Edition, model: Model
) -> None:
    gated = [item.link_id for item, _ in edition.questionnaire.placed if item.enable_when]
    assert len(gated) == 21
    for name in gated:
        for term, on in ((model.enabled[name], True), (z3.Not(model.enabled[name]), False)):
            answers = answers_that(model, term)
            assert answers is not None
            checked = edition.check(answers)
            assert (checked.issues, name in checked.enabled) == ((), on)


@pytest.mark.parametrize("mode", ["full", "limited", "none"])
def test_every_citation_mode_is_reached(edition: Edition, model: Model, mode: str) -> None:
    answers = answers_that(model, model.mode[mode])
    assert answers is not None
    assert edition.check(answers).issues == ()
    assert edition.evaluate(answers).mode == mode


def test_every_flag_is_raised_by_some_answers_and_not_by_others(edition: Edition, model: Model) -> None:
    assert len(model.flags) == 10
    for flag, raised in model.flags.items():
        for term, up in ((raised, True), (z3.Not(raised), False)):
            answers = answers_that(model, term)
            assert answers is not None
            assert edition.check(answers).issues == ()
            assert (flag in {each.flag.id for each in edition.evaluate(answers).flags}) is up


def test_every_passage_that_is_cited_is_quoted_to_somebody(edition: Edition, model: Model) -> None:
    cited = {passage for rule in edition.book.rules for passage in rule.cites}
    for passage in cited:
        answers = answers_that(model, model.shown(passage))
        assert answers is not None
        summary = edition.summarise(edition.evaluate(answers), "en")
        quoted = [each["passage"] for topic in summary["topics"] for each in topic["quotations"]]
        assert passage in quoted


def test_the_proofs_cover_this_many_sets_of_answers(edition: Edition, record_testsuite_property: Any) -> None:
    submissions = count_valid_answer_sets(edition, complete=True)
    drafts = count_valid_answer_sets(edition, complete=False)
    record_testsuite_property("sets of answers, complete", submissions)
    record_testsuite_property("sets of answers, drafts among them", drafts)
    print(f"proved for {drafts:,} sets of answers, {submissions:,} of them complete")  # noqa: T201
    assert (submissions, drafts) == (SUBMISSIONS, DRAFTS)
