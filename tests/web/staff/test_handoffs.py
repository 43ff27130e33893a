"""One-time links, as staff who work with the queue create and revoke them."""

import re
from functools import partial

import pytest

from app.storage.bookings import handoffs
from app.storage.bookings.handoffs import Handoff
from tests.conftest import Service
from tests.web.staff_client import Colleague

PATH = "/staff/handoffs"
TEST = {"booking_reference": "T-1"}


@pytest.fixture
def ann(service: Service) -> Colleague:
    return Colleague(service).inside("reviewer")


def every(service: Service) -> list[Handoff]:
    page = partial(handoffs.page, test=False, booking_reference=None, after=None, limit=100)
    return service.read(page)


# --- rejected --------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["administrator", "auditor"])
def test_who_does_not_work_with_the_queue_makes_none(service: Service, role: str) -> None:
    other = Colleague(service).inside(role)
    assert other.get(PATH).status_code == 403
    assert other.act(PATH, booking_reference="B-1").status_code == 403
    assert every(service) == []


def test_without_the_sessions_token_none_is_made(service: Service, ann: Colleague) -> None:
    for token in ("", "x"):
        assert ann.post(PATH, {"token": token, "booking_reference": "B-1"}).status_code == 403
    assert every(service) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("booking_reference", each) for each in ("", "Pat Quill", "x" * 101, "\0", "<b>")]
    + [("appointment_at", each) for each in ("tomorrow", "2020-01-01T10:00", "\0", "9" * 50)],
)
def test_what_can_not_be_is_told_and_stays_on_the_page(
    service: Service, ann: Colleague, field: str, value: str
) -> None:
    ann.act(PATH, **({"booking_reference": "B-1"} | {field: value}))
    assert ann.page.status_code == 422
    assert "Please look at this again" in ann.page.text
    assert "<b>" not in ann.page.text.partition("<main")[2]
    assert every(service) == []


@pytest.mark.parametrize("query", ["?cursor=x", "?cursor=%00"])
def test_a_cursor_that_is_not_ours_is_refused(ann: Colleague, query: str) -> None:
    assert ann.get(PATH + query).status_code == 422


def test_what_is_not_there_and_what_is_a_test_is_not_taken_back(service: Service, ann: Colleague) -> None:
    made = service.client.post("/v1/handoffs", json=TEST, headers=service.key("bookings", test=True)).json()
    for name in (made["id"], "x", "019298a2-0000-7000-8000-000000000000"):
        assert ann.act(f"{PATH}/{name}/revoke").status_code == 404
    assert "T-1" not in ann.get(PATH).text


# --- accepted --------------------------------------------------------------------------------------


def test_a_link_is_made_shown_once_and_taken_back_once(service: Service, ann: Colleague) -> None:
    ann.act(PATH, booking_reference="B-1", language="es", appointment_at="2099-01-01T10:00")
    found = re.search(r'id="made">http://127.0.0.1:8000/r#([A-Za-z0-9_-]{43})<', ann.page.text)
    assert found
    (made,) = every(service)
    assert (made.booking_reference, made.language, made.is_test, made.api_key_id) == (
        "B-1",
        "es",
        False,
        None,
    )
    assert service.client.post("/r", data={"link": found[1]}, follow_redirects=False).status_code == 303
    ann.get(PATH)
    assert found[1] not in ann.page.text
    ann.send(f"{PATH}/{made.id}/revoke")
    assert ann.location == PATH
    assert ann.act(f"{PATH}/{made.id}/revoke").status_code == 303
    assert every(service)[0].revoked_at
    assert (service.audit_count("handoff.created"), service.audit_count("handoff.revoked")) == (1, 1)


@pytest.mark.both_databases
def test_links_are_found_by_booking_and_shown_a_page_at_a_time(service: Service, ann: Colleague) -> None:
    for number in range(53):
        ann.act(PATH, booking_reference=f"B-{number}")
    ann.get(f"{PATH}?reference=B-7")
    assert re.findall(r'scope="row">(B-\d+)<', ann.page.text) == ["B-7"]
    assert "There is no link" in ann.get(f"{PATH}?reference=B%207").text
    ann.get(PATH)
    first = re.findall(r'scope="row">(B-\d+)<', ann.page.text)
    older = next(each["href"] or "" for each in ann.read.links if "cursor" in (each["href"] or ""))
    ann.get(older)
    rest = re.findall(r'scope="row">(B-\d+)<', ann.page.text)
    assert first + rest == [f"B-{number}" for number in reversed(range(53))]
