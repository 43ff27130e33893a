"""The requests of docs/tutorial.md, sent to a real server.

Responsible for: that each curl can be pasted and gets what the page says. Never: needs curl itself.
"""

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from tests.server import Server, serving

PAGE = (Path(__file__).parents[3] / "docs" / "tutorial.md").read_text(encoding="utf-8")
SCOPES = ("submissions:write", "submissions:read", "review")  # those of the demo key
CURL = re.compile(r"curl (-sS .*?)(?= \| |$)", re.MULTILINE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("tutorial")) as found:
        yield found


def send(line: str) -> httpx.Response:
    """What a curl with these arguments gets."""
    words = shlex.split(line)
    options = list(pairwise(words))
    headers = dict(value.split(": ", 1) for name, value in options if name == "-H")
    data = next((value for name, value in options if name == "-d"), None)
    (url,) = (word for word in words if word.startswith("http"))
    return httpx.request("POST" if data else "GET", url, headers=headers, content=data)


def test_every_request_of_the_tutorial_gets_what_it_says(server: Server) -> None:
    key, submission = server.key(*SCOPES), ""
    answers = []
    for line in CURL.findall(PAGE):
        filled = line.replace("http://127.0.0.1:8000", server.url).replace("$KEY", key)
        answer = send(filled.replace("$ID", submission)).raise_for_status()
        answers.append(answer)
        if answer.status_code == 201:
            submission = answer.json()["id"]
    created, summary, urgent, questionnaire, schema = answers
    assert next(iter(created.json())) == "interruptions"
    assert "Things to discuss with a clinician" in summary.text
    assert summary.headers["content-type"].startswith("text/plain")
    assert urgent.json()["summary"]["interruptions"][0]["kind"] == "page"
    assert questionnaire.json()["language"] == "es"
    assert schema.json()["$schema"].endswith("2020-12/schema")
