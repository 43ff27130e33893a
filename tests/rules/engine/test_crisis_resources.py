"""Crisis resources by place: a place gets its own resources and those of the places that contain it."""

import pytest

from app.rules.engine.crisis_resources import Crisis
from app.rules.engine.edition import Edition


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("US-FL-PBC", ["us-911", "us-988", "pbc-211"]),
        ("US-FL", ["us-911", "us-988"]),
        ("US", ["us-911", "us-988"]),
        ("US-FL-PBC-33444", ["us-911", "us-988", "pbc-211"]),
        ("USA", []),
        ("US-FL-PBCX", ["us-911", "us-988"]),
        ("GB-ENG", ["gb-999", "gb-nhs111", "gb-samaritans", "gb-shout"]),
        ("DE", []),
    ],
)
def test_a_place_is_shown_what_is_for_it_or_for_a_place_around_it(
    edition: Edition, place: str, shown: list[str]
) -> None:
    assert [each.id for each in edition.crisis.at(place)] == shown


@pytest.mark.parametrize(
    ("place", "numbers"),
    [
        ("US-FL-PBC", {"emergency": "911", "crisis": "988"}),
        ("US", {"emergency": "911", "crisis": "988"}),
        ("GB-ENG", {"emergency": "999", "crisis": "116 123"}),
        ("DE-BE", {}),
        ("USA", {}),
        ("", {}),
    ],
)
def test_the_words_emergency_and_crisis_stand_for_the_numbers_of_the_place(
    edition: Edition, place: str, numbers: dict[str, str]
) -> None:
    assert edition.crisis.numbers(place) == numbers


def _crisis(edition: Edition, **primary: dict[str, str]) -> Crisis:
    data = edition.crisis.model_dump() | {"primary": primary}
    return Crisis.model_validate(data)


def test_the_nearest_place_decides(edition: Edition) -> None:
    near = _crisis(
        edition,
        US={"emergency": "us-911", "crisis": "us-988"},
        **{"US-FL": {"emergency": "us-911", "crisis": "pbc-211"}},
    )
    assert near.numbers("US-FL-PBC") == {"emergency": "911", "crisis": "211"}
    assert near.numbers("US-CA") == {"emergency": "911", "crisis": "988"}


def test_a_resource_that_is_only_texted_is_told_by_its_text_number(edition: Edition) -> None:
    texted = _crisis(edition, GB={"emergency": "gb-shout", "crisis": "gb-shout"})
    assert texted.numbers("GB") == {"emergency": "", "crisis": "85258"}


def test_a_primary_resource_that_is_not_there_gives_no_numbers(edition: Edition) -> None:
    assert _crisis(edition, GB={"emergency": "gb-999", "crisis": "nobody"}).numbers("GB") == {}
    assert _crisis(edition, GB={"emergency": "nobody", "crisis": "gb-shout"}).numbers("GB") == {}


def test_resources_stand_in_their_order_whatever_the_file_says(edition: Edition) -> None:
    data = edition.crisis.model_dump()
    turned = Crisis.model_validate(data | {"resources": tuple(reversed(data["resources"]))})
    assert [each.id for each in turned.at("US-FL-PBC")] == ["us-911", "us-988", "pbc-211"]
