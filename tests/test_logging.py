"""Logs: an allow-list of fields; nothing that users sent, whatever code logs it."""

import json
import logging

import pytest

from app import logging as logs
from app.errors import StartupError
from app.logging import error_location
from app.services.auth import api_keys

CANARY = "CANARY-7f3a"


def test_a_field_that_is_not_on_the_list_is_left_out() -> None:
    event = {"event": "request", "status": 200, "name": CANARY, "answers": CANARY}
    assert json.loads(logs._allowed_line(None, "info", event)) == {"event": "request", "status": 200}


def test_a_value_that_is_no_json_is_told_by_its_type() -> None:
    class Odd:
        def __repr__(self) -> str:
            return CANARY

    assert json.loads(logs._allowed_line(None, "info", {"event": "x", "error": Odd()})) == {
        "event": "x",
        "error": "Odd",
    }


def test_the_message_of_a_library_is_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord("uvicorn.error", logging.ERROR, __file__, 1, CANARY, (), None)
    logs._Foreign().emit(record)
    try:
        api_keys.revoke.__wrapped__  # type: ignore[attr-defined]  # noqa: B018 - any error will do
    except AttributeError as error:
        failed = (type(error), error, error.__traceback__)
        record = logging.LogRecord("sqlalchemy.pool", logging.ERROR, __file__, 1, CANARY, (), failed)
        logs._Foreign().emit(record)
    assert CANARY not in capfd.readouterr().err


def test_an_accident_is_told_by_its_place_never_by_its_message() -> None:
    with pytest.raises(StartupError) as refusal:
        api_keys._refuse(api_keys.NewApiKey(CANARY * 30, ()))
    assert error_location(refusal.value).startswith("api_keys.py:")
    assert error_location(refusal.value).endswith("_refuse")


def test_an_accident_that_was_never_raised_has_no_place() -> None:
    assert error_location(ValueError(CANARY)) == "unknown"
