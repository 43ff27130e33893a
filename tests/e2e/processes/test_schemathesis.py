"""Schemathesis with all its checks against a running server: responses match the OpenAPI description.

Responsible for: examples, coverage, fuzzing and stateful phases, on both databases; with --thorough three
seeds and more examples. Never: disables a check; schemathesis.toml lists what OpenAPI cannot express, each
line with its reason.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.server import ROOT, serving

HERE = Path(__file__).parent
FEW = 2  # the coverage phase makes nine in ten of the cases, whatever this is
MANY = {"sqlite": 25, "postgres": 4}  # with --thorough


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "seed", [20261122, *(pytest.param(each, marks=pytest.mark.thorough) for each in (20261123, 20261124))]
)
def test_the_description_holds_for_everything_schemathesis_tries(
    database_url: str, tmp_path: Path, thorough: bool, seed: int
) -> None:
    url = "" if database_url.startswith("sqlite") else database_url
    examples = MANY["postgres" if url else "sqlite"] if thorough else FEW
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
                str(examples),
                "--seed",
                str(seed),
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
