"""Starts: together on an empty database, and refused in one line when a key or the content is not right.

Refuses: servers that are left running.
"""

import shutil
import threading
import uuid
from pathlib import Path

import httpx
import pytest

from app.rules.library import CONTENT
from tests import pgtmp
from tests.people import CARA, body
from tests.server import Server, serving


def refused(server: Server) -> str:
    """What a server prints that does not start."""
    with pytest.raises(AssertionError):
        server.start()
    assert server.process is not None
    assert server.process.wait(30) == 1
    return server.log.read_text()


def keep_one(server: Server) -> None:
    headers = {"authorization": f"Bearer {server.key('submissions:write')}"}
    assert httpx.post(f"{server.url}/v1/submissions", json=body(CARA), headers=headers).status_code == 201


@pytest.mark.parametrize("harm", ["missing", "wrong", "readable"])
def test_a_server_with_a_keyring_that_is_not_right_refuses_in_one_line(tmp_path: Path, harm: str) -> None:
    with serving(tmp_path) as server:
        keep_one(server)
    file = tmp_path / "keyring"
    if harm == "missing":
        file.unlink()
    elif harm == "wrong":
        file.write_text(f"{file.read_text().partition(':')[0]}:{'A' * 43}=\n")
    else:
        file.chmod(0o644)
    server.log.unlink()
    told = refused(Server(tmp_path))
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


def test_replicas_start_together_on_an_empty_database_and_read_each_others_rows(
    postgres: pgtmp.Postgres, tmp_path: Path
) -> None:
    name = f"t{uuid.uuid4().hex}"
    postgres.create_database(name)
    keyring = {"PRECONSULT_KEYRING": f"k1:{'A' * 43}="}
    replicas = [Server(tmp_path / str(number), postgres.url(name), keyring) for number in range(3)]
    starts = [threading.Thread(target=replica.start) for replica in replicas]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    try:
        key = replicas[0].key("submissions:write", "submissions:read")
        headers = {"authorization": f"Bearer {key}"}
        made = httpx.post(f"{replicas[0].url}/v1/submissions", json=body(CARA), headers=headers)
        for replica in replicas:
            path = f"{replica.url}{made.headers['location']}"
            assert httpx.get(path, headers=headers).json()["answers"] == CARA
    finally:
        statuses = [replica.stop() for replica in replicas if replica.process is not None]
    assert statuses == [0, 0, 0]
