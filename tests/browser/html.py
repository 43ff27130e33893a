"""What html-validate says of HTML texts: the standard, accessibility, and what only a whole page can break.

Its settings, tests/js/.htmlvalidate.json, can hold no comments, so their reasons stand here. `document` adds
to `standard` and `a11y` labels, heading levels and references to ids. The rules put on one by one are those
of `recommended` that find mistakes and not matters of style: elements that are unknown or left open, a class
that is there twice, inline style (our content policy forbids it); not `form-dup-name`, since what has several
answers shares its name, in checkboxes as in hidden fields. Off is but one:

- `require-sri`: our pages load from their own origin only, and who could change a file there could change
  its hash in the page as well.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

JS = Path(__file__).parents[1] / "js"
VALIDATOR = JS / "node_modules" / "html-validate" / "bin" / "html-validate.mjs"


def complaints(pages: Mapping[str, str]) -> list[str]:
    """Every error and warning in these pages, given by their names; one run for all of them."""
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
    """The answer of html-validate: a list of the files it complains of. Refuses: a run that broke off."""
    node = os.environ.get("NODE") or "node"
    command: list[str | Path] = [node, VALIDATOR, "--formatter", "json"]
    command += ["--config", JS / ".htmlvalidate.json", *paths]
    with TemporaryFile("w+", encoding="utf-8") as out:  # into a pipe Node writes 64 KB and is gone
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, check=False, encoding="utf-8")
        out.seek(0)
        told = out.read()
    assert told.startswith("["), done.stderr or told
    answer: list[dict[str, Any]] = json.loads(told)
    assert answer or not done.returncode, done.stderr
    return answer
