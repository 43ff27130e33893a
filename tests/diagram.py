"""The part of docs/architecture.md that is generated from the import-linter contracts in pyproject.toml.

    .venv/bin/python -m tests.diagram     # rewrites it

Responsible for: a Mermaid diagram of the layers, and what each other contract forbids. Never: contains a
second list of the layers, which could differ from the one that is enforced.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- begin: made by tests/diagram.py -->\n", "<!-- end -->\n"
Contract = dict[str, Any]


def contracts() -> list[Contract]:
    """The contracts that import-linter enforces, in the order of pyproject.toml."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        found: list[Contract] = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    return found


def made() -> str:
    """The diagram of the layers, followed by a list of the other contracts."""
    layers = [each for each in contracts() if each["type"] == "layers"]
    others = [each for each in contracts() if each["type"] != "layers"]
    diagrams = "\n\n".join(diagram(each) for each in layers)
    return f"{diagrams}\n\n" + "\n".join(rule(each) for each in others) + "\n"


def diagram(contract: Contract) -> str:
    """Each layer as a box with its modules side by side, and an arrow to the layer below it."""
    lines = [f'    layer{number}["{label(layer)}"]' for number, layer in enumerate(contract["layers"])]
    lines += [f"    layer{number} --> layer{number + 1}" for number in range(len(lines) - 1)]
    containers = contract.get("containers")
    within = f" (in {', '.join(containers)})" if containers else ""
    return "\n".join([f"**{contract['name']}**{within}:", "", "```mermaid", "flowchart TD", *lines, "```"])


def label(layer: str) -> str:
    return "<br>".join(part.strip(" ()") for part in re.split(r"[:|]", layer))


def rule(contract: Contract) -> str:
    """One line of the list: the name of a contract, and each of its options."""
    listed = "; ".join(f"{name}: {text}" for name, text in options_of(contract))
    return f"- **{contract['name']}** ({contract['type']}): {listed}."


def options_of(contract: Contract) -> Iterator[tuple[str, str]]:
    for name, value in contract.items():
        if isinstance(value, list):
            yield name.replace("_", " "), ", ".join(f"`{each}`" for each in value)


def written(page: str) -> str:
    """The text between the two markers of the page."""
    return page.partition(BEGIN)[2].partition(END)[0]


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}{made()}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
