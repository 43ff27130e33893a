"""The form's first page: rendered once and cached, with a form instance of its own for each respondent."""

import re

import pytest

from app.web.form.entry import PLACE
from tests.conftest import Service

INSTANCE = re.compile(r'name="instance" value="([^"]+)"')


def instance(page: str) -> str:
    found = INSTANCE.search(page)
    assert found is not None
    return found[1]


def begin(service: Service, made: str) -> int:
    data = {"instance": made, "asked": "info_only", "info_only": "true", "website": ""}
    return service.client.post("/form", data=data, follow_redirects=False).status_code


def test_what_stands_in_the_kept_page_is_no_instance_that_begins_a_form(service: Service) -> None:
    service.client.get("/form")
    assert begin(service, PLACE) == 422


def test_each_first_page_has_an_instance_of_its_own_that_begins_a_form(service: Service) -> None:
    pages = [service.client.get("/form").text for _ in range(3)]
    assert PLACE not in "".join(pages)
    assert len({instance(page) for page in pages}) == 3
    assert len({page.replace(instance(page), "") for page in pages}) == 1
    assert begin(service, instance(pages[2])) == 303


@pytest.mark.parametrize("tag", ["es", "en"])
def test_it_is_kept_for_each_language_by_itself(service: Service, tag: str) -> None:
    for language in (tag, "pt-BR", tag):
        page = service.client.get("/form", headers={"accept-language": language}).text
        assert f'<html lang="{language}"' in page


def test_it_is_sent_with_the_headers_of_every_page(service: Service) -> None:
    first, second = (service.client.get("/form").headers for _ in range(2))
    other = service.client.get("/form/privacy").headers
    for name in ("content-security-policy", "cache-control", "content-type", "referrer-policy"):
        assert first[name] == second[name] == other[name]


def test_somebody_with_an_open_form_is_told_so_and_nobody_else_is(service: Service) -> None:
    fresh = service.client.get("/form").text
    assert begin(service, instance(fresh)) == 303
    assert "/form/go-on" not in fresh
    assert "/form/go-on" in service.client.get("/form").text
    service.client.cookies.clear()
    assert "/form/go-on" not in service.client.get("/form").text
