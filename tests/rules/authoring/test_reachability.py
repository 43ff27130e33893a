"""Which answers are tried: every combination that conditions can distinguish, each once."""

from typing import Any

import pytest

from app.rules.authoring import reachability
from app.rules.authoring.reachability import TooManyCombinations, enabling_conditions, reachable_answers
from app.rules.engine.condition import Answers
from app.rules.engine.edition import Edition
from tests.rules.conditions import compared, condition
from tests.rules.edition_variants import with_items


def tried(edition: Edition, *conditions: Any) -> list[Answers]:
    return list(reachable_answers(edition, conditions))


def test_without_a_condition_there_is_one_way_to_answer(tiny: Edition) -> None:
    assert tried(tiny) == [{}]
    assert tried(tiny, condition({"none_fired": {"groups": ["tea"]}})) == [{}]


def test_a_choice_is_tried_with_one_option_of_each_kind(tiny: Edition) -> None:
    assert tried(tiny, compared("feeling", "=", "unwell")) == [
        {}, {"feeling": "well"}, {"feeling": "unwell"}, {"feeling": "not_sure"},
    ]  # fmt: skip
    options = [{"code": code} for code in ("a", "b", "c", "d")]
    edition = with_items(tiny, {"linkId": "q", "type": "choice", "answerOption": options})
    assert tried(edition, compared("q", "=", "b")) == [{}, {"q": "a"}, {"q": "b"}]
    both = [compared("q", "in", ("b", "c")), compared("q", "=", "c")]
    assert tried(edition, *both) == [{}, {"q": "a"}, {"q": "b"}, {"q": "c"}]


def test_a_question_that_repeats_is_tried_with_every_selection_and_exclusive_options_alone(
    tiny: Edition,
) -> None:
    assert tried(tiny, compared("drinks", "has", "black")) == [
        {}, {"drinks": ("black",)}, {"drinks": ("green",)}, {"drinks": ("black", "green")},
        {"drinks": ("none",)},
    ]  # fmt: skip
    assert {"drinks": ("none",)} in tried(tiny, compared("drinks", "exists", answer=True))


def test_a_number_is_tried_at_and_beside_what_is_named_within_its_range(tiny: Edition) -> None:
    cups = [each.get("cups") for each in tried(tiny, compared("cups", ">", 4)) if "drinks" not in each]
    assert cups == [None, 3, 4, 5]
    edges = {each.get("cups") for each in tried(tiny, compared("cups", "in", (0, 9)))}
    assert edges == {None, 0, 1, 8, 9}
    far = with_items(tiny, {"linkId": "n", "type": "integer", "minValue": 50, "maxValue": 60})
    assert tried(far, compared("n", "exists", answer=True)) == [{}, {"n": 50}]
    assert tried(far, compared("n", "<", 99)) == [{}, {"n": 60}]
    free = with_items(tiny, {"linkId": "n", "type": "integer"})
    assert tried(free, compared("n", "=", -7)) == [{}, {"n": -8}, {"n": -7}, {"n": -6}]


def test_a_yes_or_no_and_a_text_are_tried_too(tiny: Edition) -> None:
    assert tried(tiny, compared("may_call", "=", answer=True)) == [
        {},
        {"may_call": True},
        {"may_call": False},
    ]
    text = with_items(tiny, {"linkId": "free", "type": "string"})
    assert tried(text, compared("free", "exists", answer=True)) == [{}, {"free": "x"}]


def test_what_enables_a_question_is_tried_with_it_up_to_the_groups_around(
    tiny: Edition, sleep: Edition
) -> None:
    every = tried(tiny, compared("cups", ">", 4))
    assert {"drinks": ("black",), "cups": 5} in every
    assert len(every) == 3 * 4
    assert {"alter": 16, "anliegen": ("schnarchen",), "atempausen": "ja"} in tried(
        sleep, compared("atempausen", "=", "ja")
    )
    assert list(tried(sleep, compared("wochen", ">", 3))[-1]) == ["alter", "anliegen", "stunden", "wochen"]


def test_the_conditions_around_an_item_are_its_own_and_those_of_its_groups(sleep: Edition) -> None:
    names = [each.questions() for each in enabling_conditions(sleep, "atempausen")]
    assert names == [("anliegen",), ("alter",)]
    assert enabling_conditions(sleep, "verstanden") == []


def test_past_a_limit_nobody_tries_on(tiny: Edition, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachability, "MAX_COMBINATIONS", 3)
    answers = reachable_answers(tiny, [compared("cups", ">", 4)])
    assert [len(next(answers)) for _ in range(3)] == [0, 1, 1]
    with pytest.raises(TooManyCombinations):
        next(answers)
    assert reachability.MAX_COMBINATIONS == 3
    assert len(tried(tiny, compared("may_call", "=", answer=True))) == 3
