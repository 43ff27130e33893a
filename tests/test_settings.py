"""Each wrong setting is rejected in one clear line that names it; defaults are safe."""

from pathlib import Path

import pytest

from app.color_contrast import DARK_PAPER, contrast
from app.environment import RENAMED, load_settings
from app.errors import StartupError
from app.main import create_app
from app.settings import Settings
from tests.conftest import LIBRARY

WRONG = {
    "CLINIC_COLOR": ["red", "#fff", "#ffffff", "#777777", "#77777", "0b6e75", "#0b6e7g", "#0b6e75;}"],
    "CLINIC_COLOR_DARK": ["#000000", "#14191d", "#767676", "blue", "#6cc5cb00"],
    "ALLOWED_ORIGINS": [
        "*", "null", "https://a.example/", "https://a.example/path", "a.example", "ftp://a.example",
        "https://A.example", "https://a.example, *", "https://*.a.example", "https://a.example?x",
        "https://u@a.example", "https://a.example:", "https://a.example;", "https://a.example 'self'",
        "https://a.example:123456",
    ],
    "FRAME_ANCESTORS": ["*", "'self'", "https://a.example/x", "https://a.example; script-src *", "https:"],
    "TRUSTED_PROXIES": ["10.0.0.0/33", "10.0.0.1/8", "proxy", "10.0.0.0/8;", "::/129", "*"],
    "TWO_FACTOR_ROLES": ["boss", "manager,boss", "Manager"],
    "CLINIC_TIME_ZONE": ["New York", "EST5EDT5", "../etc/passwd", "America", "", "UTC+1"],
    "CLINIC_LOGO": ["/nowhere/logo.png", "/etc/passwd", "/tmp"],
    "CLINIC_NAME": ["x" * 101],
    "CLINIC_CONTACT": ["x" * 301],
    "CLINIC_PRIVACY": ["x" * 20001],
    "FORM_SESSION_MINUTES": ["4", "721", "an hour", "-1"],
    "FORM_START_LIMIT_PER_NETWORK": ["0", "-1", "many"],
    "FORM_START_LIMIT": ["0", "x"],
    "ALLOW_UNREVIEWED_TRANSLATIONS": ["perhaps", "2"],
    "EXIT_URL": ["javascript:alert(1)", "/form/left", "weather", "file:///etc/passwd"],
    "DRAFT_RETENTION_HOURS": ["0", "2161"],
    "SUBMISSION_RETENTION_DAYS": ["0", "3651"],
}  # fmt: skip
NAMED = ("#ffffff", DARK_PAPER, "America", "https:")  # the error messages contain these values themselves


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run in a folder without a `.env` file."""
    monkeypatch.chdir(tmp_path)


def refusal() -> str:
    with pytest.raises(StartupError) as refused:
        load_settings()
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in WRONG.items() for value in values],
    ids=lambda each: each[:40],
)
def test_a_setting_that_is_wrong_is_refused_in_one_line_that_names_it_and_not_its_value(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"PRECONSULT_{name}", value)
    told = refusal()
    assert told.startswith(f"PRECONSULT_{name} can't be used: ")
    assert "\n" not in told
    assert len(told) < 250
    assert value not in told or value in NAMED or len(value) < 5


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CLINIC_COLOR", "#777777", "its contrast with #ffffff is 4.48, and 4.5 is needed"),
        ("CLINIC_COLOR", "#ffff00", "its contrast with #ffffff is 1.07, and 4.5 is needed"),
        (
            "ALLOWED_ORIGINS",
            "https://a.example/x",
            "each is an origin as https://www.clinic.example, without",
        ),
        (
            "CLINIC_LOGO",
            "/nowhere/logo.png",
            "it names no file that is there and ends in .png, .jpg, .webp, .svg",
        ),
        ("CLINIC_TIME_ZONE", "Nowhere", "there is no such time zone; America/New_York is one"),
    ],
)
def test_the_line_says_what_would_be_right(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"PRECONSULT_{name}", value)
    assert words in refusal()


def test_a_logo_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("logo.gif", "logo.html", "logo"):
        (tmp_path / name).write_bytes(b"x")
        monkeypatch.setenv("PRECONSULT_CLINIC_LOGO", str(tmp_path / name))
        assert "PRECONSULT_CLINIC_LOGO" in refusal()


def test_a_privacy_text_from_a_file_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECONSULT_CLINIC_PRIVACY_FILE", "/nowhere/s3cret")
    assert refusal() == "PRECONSULT_CLINIC_PRIVACY_FILE names a file that can't be read."


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            {"disabled_questions": "self_harm, pain"},
            r"^PRECONSULT_DISABLED_QUESTIONS: pain can't be switched off; an edition offers: self_harm\.$",
        ),
        ({"form_questionnaire": "nonsense"}, r"^PRECONSULT_FORM_QUESTIONNAIRE"),
        ({"opening_hours": "whenever"}, r"^PRECONSULT_OPENING_HOURS can't be used: each part is days"),
        ({"closed_days": "Christmas"}, r"^PRECONSULT_CLOSED_DAYS can't be used: each is a day as"),
    ],
    ids=["switch", "questionnaire", "hours", "days"],
)
def test_what_only_another_part_can_judge_refuses_to_start_too(
    wrong: dict[str, str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.main.load_library", LIBRARY)
    with pytest.raises(StartupError, match=words):
        create_app(Settings.model_validate({"data_dir": tmp_path} | wrong))
    assert list(tmp_path.iterdir()) == [], "no database is made for a service that does not start"


def test_what_is_not_set_is_safe() -> None:
    plain = load_settings()
    assert (plain.env, plain.development, plain.serves_unreviewed) == ("production", False, False)
    assert (plain.frame_origins, plain.origins, plain.proxies, plain.disabled) == ((), (), (), frozenset())
    assert (plain.form_session_minutes, plain.form_start_limit_per_network, plain.form_start_limit) == (
        60,
        30,
        600,
    )
    assert (plain.clinic_time_zone, plain.clinic_logo, plain.exit_url) == ("UTC", None, None)
    assert contrast(plain.clinic_color, "#ffffff") >= 4.5
    assert contrast(plain.clinic_color_dark, DARK_PAPER) >= 4.5


@pytest.mark.parametrize(
    ("given", "days"),
    [
        ({}, 90),
        ({"submission_retention_days": 365}, 366),
        ({"submission_retention_days": 1, "event_retention_days": 1}, 5),
    ],
)
def test_what_happened_is_told_of_as_long_as_anybody_needs_it(given: dict[str, int], days: int) -> None:
    """Events outlive their submission, whose erasure is an event too, and the retries of a delivery."""
    assert Settings.model_validate(given).event_retention.days == days


def test_development_is_convenient_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECONSULT_ENV", "development")
    assert load_settings().serves_unreviewed
    assert load_settings().frame_origins == ("'self'",)


def test_settings_are_read_from_the_environment_and_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = tmp_path / "privacy.txt"
    text.write_text("Ours.\n\nYours é.\n", encoding="utf-8")
    given = {
        "DISABLED_QUESTIONS": " self_harm ,", "ALLOW_UNREVIEWED_TRANSLATIONS": "true",
        "CLINIC_COLOR": "#00468B",
        "FRAME_ANCESTORS": "https://www.clinic.example, http://localhost:8080",
        "TRUSTED_PROXIES": "10.0.0.0/8, ::1", "CLINIC_TIME_ZONE": "America/New_York",
        "CLINIC_PRIVACY_FILE": str(text), "EXIT_URL": "https://weather.example/",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(f"PRECONSULT_{name}", value)
    found = load_settings()
    assert (found.serves_unreviewed, found.clinic_color) == (True, "#00468b")
    assert found.disabled == {"self_harm"}
    assert found.frame_origins == ("https://www.clinic.example", "http://localhost:8080")
    assert [str(each) for each in found.proxies] == ["10.0.0.0/8", "::1/128"]
    assert (found.clinic_privacy, str(found.exit_url)) == ("Ours.\n\nYours é.", "https://weather.example/")


def test_contrast_is_the_one_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#ffffff", "#ffffff") == pytest.approx(1)
    assert contrast("#767676", "#ffffff") == contrast("#ffffff", "#767676") == pytest.approx(4.54, abs=0.01)
    assert contrast("#777777", "#ffffff") < 4.5 < contrast("#767676", "#ffffff")


@pytest.mark.parametrize(("former", "now"), sorted(RENAMED.items()))
def test_a_name_of_the_first_release_is_refused_with_the_new_one(
    former: str, now: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"PRECONSULT_{former}", "1")
    with pytest.raises(StartupError, match=f"^PRECONSULT_{former} is now PRECONSULT_{now}; rename it[.]$"):
        load_settings()
    assert now.lower() in Settings.model_fields


def test_a_secret_from_a_file_by_its_former_name_is_refused_with_the_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PRECONSULT_KEYRING_FILE", "/run/secrets/keyring")
    with pytest.raises(
        StartupError, match=r"^PRECONSULT_KEYRING_FILE is now PRECONSULT_ENCRYPTION_KEYS_FILE; rename it"
    ):
        load_settings()


def test_a_name_that_is_not_a_setting_stops_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECONSULT_PUBLIC_URL", "https://forms.clinic.example")
    monkeypatch.setenv("PRECONSULT_CLINIC_NAMES", "secret")
    with pytest.raises(StartupError) as refused:
        load_settings()
    hint = "did you mean PRECONSULT_CLINIC_NAME?"
    assert str(refused.value) == f"PRECONSULT_CLINIC_NAMES is not a setting; {hint}"


def test_a_name_that_is_not_a_setting_is_a_warning_in_development(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("PRECONSULT_ENV=development\npreconsult_zzz=secret\nOTHER=1\n")
    assert load_settings().development
    assert capsys.readouterr().err == "preconsult: PRECONSULT_ZZZ is not a setting; remove it.\n"


@pytest.mark.parametrize(
    "name", ["SERVICE_HOST", "SERVICE_PORT_HTTP", "PORT", "PORT_8000_TCP", "PORT_8000_TCP_ADDR"]
)
def test_what_a_cluster_sets_for_a_service_of_this_name_is_no_setting_and_no_mistake(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PRECONSULT_PUBLIC_URL", "https://forms.clinic.example")
    monkeypatch.setenv(f"PRECONSULT_{name}", "tcp://10.0.0.1:8000")
    load_settings()
    assert capsys.readouterr().err == ""
