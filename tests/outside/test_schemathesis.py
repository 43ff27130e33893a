"""Schemathesis, all its checks, against a running server: what OpenAPI says is what happens.

Office: examples, coverage, fuzzing and stateful phases, on both databases. Refuses: switched-off checks; what
OpenAPI can't say is in schemathesis.toml, each line with its reason.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.server import ROOT, serving

HERE = Path(__file__).parent
EXAMPLES = {"sqlite": 25, "postgres": 4}


@pytest.mark.timeout(600)
def test_the_description_holds_for_everything_schemathesis_tries(database_url: str, tmp_path: Path) -> None:
    url = "" if database_url.startswith("sqlite") else database_url
    scopes = ("submissions:write", "submissions:read", "review")
    with serving(tmp_path / "data", url) as server:
        key = server.key(*scopes)
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")),
                "--config-file",
                str(HERE / "schemathesis.toml"),
                "run",
                str(ROOT / "openapi" / "openapi.json"),
                "--url",
                server.url,
                "--header",
                f"Authorization: Bearer {key}",
                "--checks",
                "all",
                "--phases",
                "examples,coverage,fuzzing,stateful",
                "--max-examples",
                str(EXAMPLES["postgres" if url else "sqlite"]),
                "--seed",
                "20261122",
                "--suppress-health-check",
                "all",
                "--no-color",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    assert "passed" in done.stdout, done.stdout[-3000:]
