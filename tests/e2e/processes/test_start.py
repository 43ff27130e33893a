"""Starts: several on an empty database, and rejected in one line when a key or the content is invalid.

Never: leaves a server running.
"""

import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.rules.library import CONTENT
from tests import postgres_server
from tests.e2e.processes.truth import column
from tests.sample_answers import CARA, body
from tests.server import PATIENCE, ROOT, Server, serving


def refused(server: Server) -> str:
    """The output of a server that does not start."""
    with pytest.raises(AssertionError):
        server.start()
    assert server.process is not None
    assert server.process.wait(30) == 1
    return server.log.read_text()


def keep_one(server: Server) -> None:
    headers = {"authorization": f"Bearer {server.key('submissions:write')}"}
    assert httpx.post(f"{server.url}/v1/submissions", json=body(CARA), headers=headers).status_code == 201


@pytest.fixture(scope="module")
def with_one_kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a stopped service that has stored one submission."""
    folder = tmp_path_factory.mktemp("kept")
    with serving(folder) as server:
        keep_one(server)
    server.log.unlink()
    return folder


@pytest.mark.parametrize("harm", ["missing", "wrong", "readable"])
def test_a_server_with_a_keyring_that_is_not_right_refuses_in_one_line(
    with_one_kept: Path, tmp_path: Path, harm: str
) -> None:
    folder = shutil.copytree(with_one_kept, tmp_path / "data")
    file = folder / "keyring"
    if harm == "missing":
        file.unlink()
    elif harm == "wrong":
        file.write_text(f"{file.read_text().partition(':')[0]}:{'A' * 43}=\n")
    else:
        file.chmod(0o644)
    told = refused(Server(folder))
    assert len(told.strip().splitlines()) == 1
    assert told.startswith("preconsult: ")
    assert "key" in told


def test_a_published_edition_that_changed_is_refused_in_one_line(tmp_path: Path) -> None:
    content = tmp_path / "content"
    shutil.copytree(CONTENT, content)
    crisis = content / "ketamine-preconsult/1.0.0/crisis.yaml"
    crisis.write_text(crisis.read_text().replace('call: "988"', 'call: "989"'))
    told = refused(Server(tmp_path / "data", environment={"PRECONSULT_CONTENT_DIR": str(content)}))
    assert len(told.strip().splitlines()) == 1
    assert "was published and has changed" in told


@pytest.fixture
def empty_url(database_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database that was never migrated."""
    if "sqlite" in database_url:
        yield database_url
        return
    postgres: postgres_server.Postgres = request.getfixturevalue("postgres")
    name = f"t{uuid.uuid4().hex}"
    postgres.create_database(name)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_replicas_start_together_on_an_empty_database_and_read_each_others_rows(
    empty_url: str, tmp_path: Path, thorough: bool
) -> None:
    keyring = {"PRECONSULT_ENCRYPTION_KEYS": f"k1:{'A' * 43}="}
    replicas = [Server(tmp_path / str(number), empty_url, keyring) for number in range(3 if thorough else 2)]
    with ThreadPoolExecutor() as threads:
        started = [threads.submit(replica.start) for replica in replicas]
    try:
        for each in started:
            each.result()
        key = replicas[0].key("submissions:write", "submissions:read")
        headers = {"authorization": f"Bearer {key}"}
        made = httpx.post(f"{replicas[0].url}/v1/submissions", json=body(CARA), headers=headers)
        for replica in replicas:
            path = f"{replica.url}{made.headers['location']}"
            assert httpx.get(path, headers=headers).json()["answers"] == CARA
    finally:
        statuses = [replica.stop() for replica in replicas if replica.process is not None]
    assert statuses == [0] * len(replicas)


def test_replicas_with_a_key_file_each_are_told_that_it_must_be_one_keyring(
    postgres_url: str, tmp_path: Path, thorough: bool
) -> None:
    replicas = [Server(tmp_path / str(number), postgres_url) for number in range(3 if thorough else 2)]
    processes = [replica.launch() for replica in replicas]
    try:
        give_up = time.monotonic() + PATIENCE
        while sum(process.poll() is None for process in processes) > 1 and time.monotonic() < give_up:
            time.sleep(0.1)
        states = [process.poll() for process in processes]
        assert sorted(states, key=str) == [*[1] * (len(replicas) - 1), None], states
    finally:
        for process in processes:
            process.kill()
            process.wait(PATIENCE)
    told = [replica.log.read_text() for replica, state in zip(replicas, states, strict=True) if state]
    assert all(each.startswith("preconsult: The sealing key") for each in told), told
    assert all(len(each.splitlines()) == 1 for each in told), told


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("PUBLIC_URL", "http://clinic.example"),
        ("DATABASE_URL", "postgresql+psycopg://u:s3cret@/d?host=/nowhere&sslmode=disable"),
        ("ENCRYPTION_KEYS", "k1:s3cret"),
        ("ENCRYPTION_KEYS_FILE", "/nowhere/s3cret"),
        ("DATABASE_URL_FILE", "/nowhere/s3cret"),
        ("MAX_BODY_BYTES", "-1"),
        ("ENV", "s3cret"),
        ("DATABASE_URL", "nonsense"),
    ],
)
def test_a_setting_that_is_unsafe_or_nonsense_is_refused_in_one_line(
    setting: str, value: str, tmp_path: Path
) -> None:
    given = {"PRECONSULT_ENV": "production", f"PRECONSULT_{setting}": value}
    told = refused(Server(tmp_path, environment=given))
    assert len(told.strip().splitlines()) == 1
    assert told.startswith("preconsult: ")
    assert f"PRECONSULT_{setting}" in told
    assert "s3cret" not in told


def test_a_database_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    told = refused(Server(tmp_path, "postgresql+psycopg://u:s3cret@/d?host=/nowhere"))
    assert len(told.strip().splitlines()) == 1
    assert told.startswith("preconsult: ")
    assert "s3cret" not in told


def test_four_migrations_at_once_make_one_schema(empty_url: str, tmp_path: Path) -> None:
    server = Server(tmp_path, empty_url)
    commands = [
        subprocess.Popen(
            [sys.executable, "-m", "app.cli", "migrate"],
            cwd=ROOT, env=server.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    told = {command.communicate(timeout=3 * PATIENCE)[0] for command in commands}
    assert [command.returncode for command in commands] == [0] * 4, told
    assert len(told) == 1
    assert len(column(empty_url, "SELECT version_num FROM alembic_version")) == 1
    with serving(tmp_path, empty_url) as ready:
        keep_one(ready)
