"""LHC-Forms, unmodified, on its own page: a FHIR form renderer that knows nothing about this service.

Its files come from .venv/lforms, where dev.py puts what tests/js/lforms.json pins; they are served on
loopback beside the Questionnaire, as our service returned it. Never: answers except by clicks and keys.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

ROOT = Path(__file__).parents[3]
PIN: dict[str, Any] = json.loads((ROOT / "tests" / "js" / "lforms.json").read_text(encoding="utf-8"))
HERE = ROOT / ".venv" / "lforms"
SCRIPTS = [name for name in PIN["files"] if name.endswith(".js")]  # in the order in which they must load
PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>LHC-Forms</title>
<link rel="stylesheet" href="/dist/lforms/webcomponent/styles.css"></head>
<body><div id="form"></div>{"".join(f'<script src="/{name}"></script>' for name in SCRIPTS)}</body></html>
"""
SHOW = """async () => {
    const questionnaire = await (await fetch("/questionnaire.json")).json();
    await LForms.Util.addFormToPage(questionnaire, "form", { fhirVersion: "R4" });
}"""
GIVE = "LForms.Util.getFormFHIRData('QuestionnaireResponse', 'R4', '#form')"


def files() -> dict[str, str]:
    """File name to text of everything the page needs except the questionnaire."""
    made = HERE / "installed"
    fetched = made.exists() and made.read_text(encoding="utf-8") == PIN["integrity"]
    assert fetched, f"LHC-Forms {PIN['version']} is not in .venv/lforms; `python3 dev.py test` fetches it."
    named = {name: (HERE / name).read_text(encoding="utf-8") for name in PIN["files"]}
    return named | {"form.html": PAGE}


@dataclass(frozen=True)
class LhcForm:
    """The form on a page; items are addressed by the linkIds of the questionnaire."""

    page: Page
    questionnaire: str

    def open(self, url: str) -> None:
        self.page.goto(f"{url}/form.html")
        self.page.wait_for_function("Boolean(window.LForms?.FHIR?.R4 && LForms.Util.addFormToPage)")
        self.page.evaluate(SHOW)
        self.page.locator('[id^="item-"]').first.wait_for()

    def shown(self) -> set[str]:
        """The linkIds of the visible items."""
        items = self.page.locator('[id^="item-"]:visible').evaluate_all("every => every.map(each => each.id)")
        return {name.removeprefix("item-").partition("/")[0] for name in items}

    def wait(self, link_id: str, *, there: bool = True) -> None:
        """Wait until an item has appeared, or disappeared."""
        item = self.page.locator(f'[id^="item-{link_id}/"]').first
        item.wait_for(state="visible" if there else "hidden")

    def click(self, link_id: str, option: str) -> None:
        """Select an option, or clear it."""
        self.page.locator(f'[id="{link_id}/1/1|{option}"]').click()

    def choose(self, link_id: str, code: str) -> None:
        self.click(link_id, f"urn:preconsult:options:{self.questionnaire}:{link_id}|{code}")

    def answer(self, answers: Mapping[str, Any]) -> None:
        """Answer as a person does, from top to bottom."""
        for name, value in answers.items():
            self.wait(name)
            if isinstance(value, bool):
                self.click(name, str(value).lower())
            elif isinstance(value, list) or self.page.locator(f'[id="{name}/1/1"]').count() == 0:
                for code in value if isinstance(value, list) else [value]:
                    self.choose(name, code)
            else:
                field = self.page.locator(f'[id="{name}/1/1"]')
                field.fill(str(value))
                field.blur()

    def response(self) -> dict[str, Any]:
        """The QuestionnaireResponse that LHC-Forms generates."""
        found: dict[str, Any] = self.page.evaluate(GIVE)
        return found
