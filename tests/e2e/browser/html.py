"""html-validate run on HTML texts: the standard, accessibility, and what only a whole page can break.

Its settings, tests/js/.htmlvalidate.json, cannot contain comments, so the reasons are given here. `document`
adds labels, heading levels and references to ids to `standard` and `a11y`. The rules enabled individually are
those of `recommended` that find mistakes and not matters of style: unknown or unclosed elements, duplicate
classes, inline style (our content policy forbids it). `form-dup-name` is not among them, because inputs with
several answers share a name, in checkboxes and in hidden fields. One rule is disabled:

- `require-sri`: our pages load from their own origin only, and anyone who could change a file there could
  change its hash in the page as well.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

JS = Path(__file__).parents[2] / "js"
VALIDATOR = JS / "node_modules" / "html-validate" / "bin" / "html-validate.mjs"


def complaints(pages: Mapping[str, str]) -> list[str]:
    """Every error and warning in these pages (name to HTML), each with the page's name; one run for all."""
    with TemporaryDirectory() as folder:
        names = {Path(folder, f"{number}.html"): name for number, name in enumerate(pages)}
        for path, name in names.items():
            path.write_text(pages[name], encoding="utf-8", newline="")
        return [
            f"{names[Path(told['filePath'])]}:{each['line']}: {each['message']} [{each['ruleId']}]"
            for told in validated(list(names))
            for each in told["messages"]
        ]


def validated(paths: list[Path]) -> list[dict[str, Any]]:
    """The output of html-validate: a list of the files with messages. A run that broke off fails."""
    node = os.environ.get("NODE") or "node"
    command: list[str | Path] = [node, VALIDATOR, "--formatter", "json"]
    command += ["--config", JS / ".htmlvalidate.json", *paths]
    with TemporaryFile("w+", encoding="utf-8") as out:  # Node exits after writing 64 KB into a pipe
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, check=False, encoding="utf-8")
        out.seek(0)
        told = out.read()
    assert told.startswith("["), done.stderr or told
    answer: list[dict[str, Any]] = json.loads(told)
    assert answer or not done.returncode, done.stderr
    return answer
