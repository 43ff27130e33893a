"""dev.py: its levels of tests, its launcher, and what it prints during setup."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import dev

ROOT = Path(__file__).parents[1]


def test_part_without_thorough_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        dev.test(["--part", "web"])
    assert refused.value.code == 2
    assert "--part goes with --thorough" in capsys.readouterr().err


def test_quick_and_thorough_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        dev.test(["--quick", "--thorough"])
    assert refused.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_the_parts_of_the_thorough_suite_are_all_tests_each_once() -> None:
    named = [ROOT / path for part in dev.PARTS for path in dev.part_files(part)]
    found = sorted(path for path in (ROOT / "tests").rglob("test_*.py") if "node_modules" not in path.parts)
    for file in found:
        assert sum(file == path or path in file.parents for path in named) == 1, file


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The last argument of each step that runs; `tests/e2e/browser` fails while the list has `fail`."""
    ran: list[str] = []

    def step(*command: str) -> int:
        ran.append(command[-1])
        return int("fail" in ran and command[-1] == "tests/e2e/browser")

    monkeypatch.setattr(dev, "step", step)
    monkeypatch.setattr(dev, "PASSED", tmp_path / "passed.json")
    monkeypatch.setattr(dev, "tree_digest", lambda: "tree")
    return ran


def test_a_thorough_run_is_resumed_where_it_failed(parts: list[str]) -> None:
    parts.append("fail")
    assert dev.thorough([], None) == 1
    assert parts[-2:] == ["tests/web", "tests/e2e/browser"]
    parts.clear()
    assert dev.thorough([], None) == 0
    assert parts == ["tests/e2e/browser", "tests/e2e/processes"]


def test_a_part_that_is_named_runs_again(parts: list[str]) -> None:
    assert dev.thorough([], None) == dev.thorough([], "web") == 0
    assert parts[-2:] == ["tests/e2e/processes", "tests/web"]


def test_a_changed_tree_runs_all_parts_again(parts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert dev.thorough([], None) == 0
    monkeypatch.setattr(dev, "tree_digest", lambda: "another tree")
    assert dev.thorough([], "web") == 0
    assert list(json.loads(dev.PASSED.read_text())["passed"]) == ["web"]


def test_a_changed_or_new_file_is_another_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    (tmp_path / ".gitignore").write_text("*.log\n")
    digests = [dev.tree_digest()]
    for name, text in (("a", "1"), ("a", "2"), ("b", "2"), (".gitignore", "")):
        (tmp_path / name).write_text(text)
        digests.append(dev.tree_digest())
    assert len(set(digests)) == len(digests)
    (tmp_path / ".gitignore").write_text("*.log\n")
    before = dev.tree_digest()
    (tmp_path / "ignored.log").write_text("1")
    assert dev.tree_digest() == before


def test_a_failed_download_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    noise = (
        "print('Downloading\\n' * 30 + 'Error: no such host\\n' + '  at line\\n' * 30); raise SystemExit(1)"
    )
    assert not dev.fetch("a browser, about 110 MB", sys.executable, "-c", noise)
    assert capfd.readouterr().out.splitlines() == [
        "Fetching a browser, about 110 MB ...",
        "That failed: Error: no such host",
    ]


@pytest.mark.parametrize("output", ["", "\n", "first line\nsecond line"])
def test_a_failure_without_a_reason_is_one_line_too(output: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert not dev.fetch("it", sys.executable, "-c", f"print({output!r}); raise SystemExit(1)")
    assert len(capfd.readouterr().out.splitlines()) == 2


def test_a_download_that_works_says_only_what_it_fetches(capfd: pytest.CaptureFixture[str]) -> None:
    assert dev.fetch("it, 1 MB", sys.executable, "-c", "print('noise')")
    assert capfd.readouterr().out == "Fetching it, 1 MB ...\n"


def test_the_megabytes_are_those_that_pip_names() -> None:
    log = ["Collecting a", "  Downloading a-1.whl (1.5 MB)", "  Downloading b-1.tar.gz (500 kB)"]
    assert dev.megabytes("\n".join([*log, "  Using cached c.whl (9 MB)\n"])) == 2.0
    assert dev.megabytes("") == 0.0


def test_preconsult_can_be_called_from_any_folder(tmp_path: Path) -> None:
    checkout = tmp_path / "a checkout with spaces"
    bin_ = checkout / ".venv" / "bin"
    bin_.mkdir(parents=True)
    (bin_ / "python").symlink_to(sys.executable)
    (bin_ / "preconsult").write_text(dev.LAUNCHER)
    (bin_ / "preconsult").chmod(0o755)
    (checkout / "app").mkdir()
    (checkout / "app" / "__init__.py").touch()
    (checkout / "app" / "cli.py").write_text(
        "import sys\ndef main(prog_name): print(prog_name, sys.argv[1:])\n"
    )
    done = subprocess.run(
        [bin_ / "preconsult", "keys", "a b"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert done.stdout == "preconsult ['keys', 'a b']\n"
