"""Tests of business hours and due dates: refused values, days with a clock change, and properties."""

import datetime as dt
import zoneinfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.errors import StartupError
from app.services.submissions.business_hours import DAYS, BusinessHours, due_at, due_date_calculator
from tests.conftest import LIBRARY
from tests.rules.strategies import LAW

NEW_YORK = "America/New_York"
EDITION = LIBRARY().editions["ketamine-preconsult"][0]
WEEKDAYS = BusinessHours.parse("Mon-Fri 09:00-17:00", "2026-11-26", NEW_YORK)  # Thanksgiving
LUNCH = BusinessHours.parse("mon-fri 08:00-12:00, 13:00-17:00; sat 09:00-12:00", "", NEW_YORK)
ALWAYS = BusinessHours.parse("Mon-Sun 00:00-24:00", "", NEW_YORK)
NIGHTS = BusinessHours.parse("Mon-Sun 20:00-24:00, 00:00-04:00", "", NEW_YORK)
TARGETS = [
    ("PT15M", "on_call"),
    ("PT4H", "next_opening"),
    ("PT30H", "next_opening"),
    ("P2D", "next_opening"),
    ("P1DT2H", "none"),
    ("PT0M", "on_call"),
    ("same_day", "next_opening"),
    ("same_day", "on_call"),
    ("two_working_days", "none"),
]


def local(text: str, zone: str = NEW_YORK) -> dt.datetime:
    """Returns a local time of the clinic, such as `2026-11-24 16:00`, in UTC."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(dt.UTC)


def due(
    target: str, closed: str, raised: str, hours: BusinessHours = WEEKDAYS, *, on_call: bool = False
) -> str:
    """Returns the due date in the clinic's local time, or "never"."""
    found = due_at(target, closed, local(raised), hours, on_call=on_call)
    return f"{found.astimezone(hours.zone):%a %m-%d %H:%M}" if found else "never"


# --- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        ("", "never be open"),
        (" ; ", "never be open"),
        ("Mon-Fri", "each part is days and times"),
        ("09:00-17:00", "each part is days and times"),
        ("Mo-Fr 09:00-17:00", "days are Mon"),
        ("Mon-Fri-Sun 09:00-17:00", "days are Mon"),
        ("Mon, 09:00-17:00", "days are Mon"),
        ("Mon- 09:00-17:00", "days are Mon"),
        ("Mon 9:00-17:00", "times read"),
        ("Mon 09:00-24:01", "times read"),
        ("Mon 09:00", "times read"),
        ("Mon 24:00-24:00", "times read"),
        ("Mon 09:00-17:00,", "times read"),
        ("Mon 09:00-17:00 18:00-19:00", "times read"),
        ("Mon 09:00-12:60", "times read"),
        ("Mon 17:00-09:00", "closes after it opens"),
        ("Mon 09:00-09:00", "closes after it opens"),
        ("Mon-Fri 09:00-17:00; Fri 12:00-18:00", "overlap on Fri"),
        ("Mon-Tue,Mon 09:00-17:00", "overlap on Mon"),
        ("Mon ०९:00-17:00", "times read"),
        ("Mon\x00 09:00-17:00", "each part"),
    ],
)
def test_hours_that_nobody_keeps_are_refused_in_one_line(hours: str, told: str) -> None:
    with pytest.raises(StartupError) as refused:
        BusinessHours.parse(hours, "", NEW_YORK)
    said = str(refused.value)
    assert said.startswith("PRECONSULT_OPENING_HOURS can't be used: ")
    assert told in said
    assert "\n" not in said


@pytest.mark.parametrize(
    "days", ["Christmas", "2026-12-25;2026-12-26", "2026-02-30", "25.12.2026", "2026-W01"]
)
def test_closed_days_that_are_no_days_are_refused(days: str) -> None:
    with pytest.raises(
        StartupError, match="PRECONSULT_CLOSED_DAYS can't be used: each is a day as 2026-12-25"
    ):
        BusinessHours.parse("Mon 09:00-17:00", days, NEW_YORK)


def test_more_closed_days_than_anybody_has_are_refused() -> None:
    with pytest.raises(StartupError, match="more than 1000 days"):
        BusinessHours.parse("Mon 09:00-17:00", ",".join(["2026-12-25"] * 1001), NEW_YORK)


def test_a_target_that_is_no_duration_is_an_accident_and_no_time() -> None:
    with pytest.raises(ValueError, match="soon"):
        due_at("soon", "none", local("2026-11-24 10:00"), WEEKDAYS, on_call=False)


# --- due dates -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "closed", "raised", "by"),
    [
        ("PT15M", "on_call", "2026-11-24 10:00", "Tue 11-24 10:15"),
        ("PT15M", "on_call", "2026-11-24 16:50", "Tue 11-24 17:00"),  # before closing time
        ("PT15M", "on_call", "2026-11-24 17:00", "Wed 11-25 09:15"),
        ("PT15M", "on_call", "2026-11-24 23:59", "Wed 11-25 09:15"),
        ("PT15M", "on_call", "2026-11-25 00:00", "Wed 11-25 09:15"),
        ("PT15M", "on_call", "2026-11-25 17:30", "Fri 11-27 09:15"),  # Thursday is closed
        ("PT15M", "on_call", "2026-11-27 20:00", "Mon 11-30 09:15"),
        ("PT4H", "next_opening", "2026-11-24 09:00", "Tue 11-24 13:00"),
        ("PT4H", "next_opening", "2026-11-24 16:00", "Tue 11-24 17:00"),  # the same working day
        ("PT4H", "next_opening", "2026-11-24 18:00", "Wed 11-25 13:00"),
        ("PT4H", "next_opening", "2026-11-26 10:00", "Fri 11-27 13:00"),
        ("same_day", "next_opening", "2026-11-24 07:00", "Tue 11-24 17:00"),
        ("same_day", "next_opening", "2026-11-24 16:59", "Tue 11-24 17:00"),
        ("same_day", "next_opening", "2026-11-25 17:00", "Fri 11-27 17:00"),
        ("two_working_days", "none", "2026-11-23 10:00", "Wed 11-25 17:00"),
        ("two_working_days", "none", "2026-11-24 10:00", "Fri 11-27 17:00"),  # over Thanksgiving
        ("two_working_days", "none", "2026-11-27 16:00", "Tue 12-01 17:00"),
        ("two_working_days", "none", "2026-11-27 20:00", "Tue 12-01 17:00"),
        ("two_working_days", "none", "2026-11-29 23:00", "Tue 12-01 17:00"),
        ("consultation", "none", "2026-11-24 10:00", "never"),
        ("P1D", "none", "2026-11-24 10:00", "Wed 11-25 17:00"),
        ("P1DT2H", "none", "2026-11-25 10:00", "Fri 11-27 11:00"),
        ("PT0M", "on_call", "2026-11-24 10:00", "Tue 11-24 10:00"),
    ],
)
def test_a_target_falls_due_when_somebody_is_there(target: str, closed: str, raised: str, by: str) -> None:
    assert due(target, closed, raised) == by


@pytest.mark.parametrize(
    "raised", ["2026-11-24 10:00", "2026-11-24 16:50", "2026-11-24 23:50", "2026-11-26 12:00"]
)
def test_where_somebody_is_on_call_the_clock_on_the_wall_counts(raised: str) -> None:
    found = due_at("PT15M", "on_call", local(raised), WEEKDAYS, on_call=True)
    assert found == local(raised) + dt.timedelta(minutes=15)
    assert due("PT4H", "next_opening", "2026-11-24 18:00", on_call=True) == "Wed 11-25 13:00"
    assert due("same_day", "on_call", "2026-11-24 18:00", on_call=True) == "Wed 11-25 17:00"


def test_a_break_is_not_counted_and_nothing_urgent_waits_for_its_end() -> None:
    assert due("PT4H", "next_opening", "2026-11-24 10:00", LUNCH) == "Tue 11-24 15:00"
    assert due("PT4H", "next_opening", "2026-11-24 12:30", LUNCH) == "Tue 11-24 17:00"
    assert due("PT15M", "on_call", "2026-11-24 11:50", LUNCH) == "Tue 11-24 12:00"
    assert due("PT15M", "on_call", "2026-11-24 12:10", LUNCH) == "Tue 11-24 13:15"
    assert due("PT4H", "next_opening", "2026-11-28 11:00", LUNCH) == "Sat 11-28 12:00"


def test_a_clinic_that_never_closes_counts_through_midnight() -> None:
    assert due("PT15M", "on_call", "2026-11-24 23:50", ALWAYS) == "Wed 11-25 00:05"
    assert due("PT4H", "next_opening", "2026-11-24 22:00", ALWAYS) == "Wed 11-25 02:00"
    assert due("PT30H", "next_opening", "2026-11-24 22:00", ALWAYS) == "Thu 11-26 04:00"
    assert due("same_day", "next_opening", "2026-11-24 22:00", ALWAYS) == "Wed 11-25 00:00"


def test_a_night_is_one_stretch() -> None:
    assert due("PT15M", "on_call", "2026-11-24 23:50", NIGHTS) == "Wed 11-25 00:05"
    assert due("PT4H", "next_opening", "2026-11-24 22:00", NIGHTS) == "Wed 11-25 02:00"
    assert due("PT15M", "on_call", "2026-11-25 03:50", NIGHTS) == "Wed 11-25 04:00"


def test_a_day_that_is_an_hour_shorter_or_longer_opens_and_closes_by_the_clock_on_the_wall() -> None:
    sundays = BusinessHours.parse("Sun 01:00-05:00", "", NEW_YORK)
    assert due("PT4H", "none", "2026-03-08 00:00", sundays) == "Sun 03-08 05:00"
    assert due("PT2H", "none", "2026-03-08 01:30", sundays) == "Sun 03-08 04:30"
    assert due("PT4H", "none", "2026-11-01 00:00", sundays) == "Sun 11-01 04:00"
    assert due("PT15M", "on_call", "2026-03-06 17:00") == "Mon 03-09 09:15"
    swallowed = BusinessHours.parse("Sun 02:10-02:50, 03:00-04:00", "", NEW_YORK)
    assert due("PT15M", "on_call", "2026-03-08 00:00", swallowed) == "Sun 03-08 03:15"


def test_open_until_just_before_closing() -> None:
    assert WEEKDAYS.is_open(local("2026-11-24 09:00"))
    assert WEEKDAYS.is_open(local("2026-11-24 16:59:59.999"))
    assert not WEEKDAYS.is_open(local("2026-11-24 17:00"))
    assert not WEEKDAYS.is_open(local("2026-11-26 12:00"))
    assert WEEKDAYS.next_opening(local("2026-11-24 12:00")) == local("2026-11-24 12:00")
    assert WEEKDAYS.next_opening(local("2026-11-25 17:00")) == local("2026-11-27 09:00")


def test_days_run_over_the_end_of_the_week_and_stand_alone() -> None:
    hours = BusinessHours.parse(" Sat-Mon,Wed  10:00-12:00 ;", "", "UTC")
    assert [DAYS[place] for place, spans in enumerate(hours.week) if spans] == ["mon", "wed", "sat", "sun"]


def test_every_flag_of_the_edition_has_its_time() -> None:
    due = due_date_calculator(EDITION, WEEKDAYS, on_call=False)
    at = local("2026-11-24 10:00")
    found = {
        flag.id: due(flag.id, 1 if flag.priority == "parent" else flag.priority, at, {})
        for flag in EDITION.meta.flags
    }
    assert {name: by and f"{by.astimezone(WEEKDAYS.zone):%a %H:%M}" for name, by in found.items()} == {
        "self_harm_now": "Tue 10:15",
        "urgent_physical": "Tue 10:15",
        "self_harm_recent": "Tue 14:00",
        "under_18": "Tue 17:00",
        "no_contact_route": "Tue 10:15",
        "self_harm_past": "Fri 17:00",
        "age_unconfirmed": "Fri 17:00",
        "self_harm_unanswered": None,
        "proxy": None,
        "risk_topics": None,
    }  # fmt: skip


def test_a_flag_that_goes_with_others_is_due_with_the_first_of_them_that_is_to_come() -> None:
    due = due_date_calculator(EDITION, WEEKDAYS, on_call=False)
    at = local("2026-11-24 10:00")
    hour = dt.timedelta(hours=1)
    others = {"self_harm_recent": at + 4 * hour, "urgent_physical": at + hour, "under_18": at, "proxy": None}
    assert due("no_contact_route", 1, at, others) == at + hour
    assert due("no_contact_route", 2, at, {"self_harm_recent": at - hour}) == at + 4 * hour
    assert due("no_contact_route", 2, at, {"self_harm_recent": None}) == at + 4 * hour
    assert due("under_18", 2, at, others) == local("2026-11-24 17:00")


# --- properties ------------------------------------------------------------------------------------

ZONES = st.sampled_from([NEW_YORK, "UTC", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu"])
TIMES = st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2038, 3, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001


@st.composite
def weeks(draw: st.DrawFn) -> BusinessHours:
    """A clinic's hours: up to three periods a day, and days on which it is closed."""
    parts = []
    for day in DAYS:
        marks = draw(st.sets(st.integers(0, 96), max_size=6).map(sorted))
        pairs = list(zip(marks[::2], marks[1::2], strict=False))
        parts += [f"{day} {_clock(opens)}-{_clock(closes)}" for opens, closes in pairs]
    assume(parts)
    closed = draw(st.lists(st.dates(dt.date(2025, 1, 1), dt.date(2027, 1, 1)), max_size=20))
    return BusinessHours.parse("; ".join(parts), ",".join(map(str, closed)), draw(ZONES))


def _clock(quarter: int) -> str:
    return f"{quarter // 4:02}:{quarter % 4 * 15:02}"


@LAW
@given(hours=weeks(), raised=TIMES, target=st.sampled_from(TARGETS), on_call=st.booleans())
def test_nothing_is_due_before_it_is_raised_and_but_for_on_call_somebody_is_there(
    hours: BusinessHours, raised: dt.datetime, target: tuple[str, str], on_call: bool
) -> None:
    by = due_at(*target, raised, hours, on_call=on_call)
    assert by is not None
    assert by >= raised
    if on_call and target[1] == "on_call" and target[0].startswith("P"):
        assert by - raised < dt.timedelta(hours=1)
    else:
        assert hours.is_open(by) or hours.is_open(by - dt.timedelta(microseconds=1))


@LAW
@given(
    hours=weeks(),
    times=st.tuples(TIMES, st.timedeltas(dt.timedelta(0), dt.timedelta(days=3))),
    target=st.sampled_from(TARGETS),
    on_call=st.booleans(),
)
def test_what_is_raised_later_is_never_due_earlier(
    hours: BusinessHours, times: tuple[dt.datetime, dt.timedelta], target: tuple[str, str], on_call: bool
) -> None:
    first, more = times
    by = [due_at(*target, raised, hours, on_call=on_call) for raised in (first, first + more)]
    assert by[0] is not None
    assert by[1] is not None
    assert by[0] <= by[1]
