"""Update the translation catalogues of the interface from the templates and pages.

`python3 dev.py messages` runs it: new messages are added without a translation, messages that are no longer
used are removed, all others stay. Never: guesses a translation (no fuzzy matches).
"""

import io
import tomllib
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
LOCALES = ROOT / "app" / "web" / "locales"
PLURALS = {"es": "n != 1"}  # all other languages use the singular for both 0 and 1
HEAD = """\
# {name}: the words of the form's own pages. What is said about health stands in the edition's texts.
msgid ""
msgstr ""
"Language: {tag}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=({plural});\\n"

"""


def wanted() -> Catalog:
    """Every message of the interface, untranslated."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["babel"]["mappings"]
    methods = [(each["pattern"], each["method"]) for each in told]
    options = {
        each["pattern"]: {name: value for name, value in each.items() if name not in ("pattern", "method")}
        for each in told
    }
    catalog = Catalog()
    found = extract_from_dir(ROOT / "app", methods, options, keywords=KEYWORDS)
    for _file, _line, message, _comments, _context in found:
        catalog.add(message)
    return catalog


KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}


def catalog(path: Path) -> Catalog:
    """The catalogue of one language as it is in its file."""
    with path.open("rb") as file:
        return read_po(file, locale=path.stem.replace("-", "_"))


def renew(path: Path, template: Catalog) -> str:
    """The text of a catalogue after an update to the messages of `template`."""
    kept = catalog(path)
    kept.update(template, no_fuzzy_matching=True)
    kept.obsolete.clear()
    out = io.BytesIO()
    write_po(out, kept, no_location=True, omit_header=True, sort_output=True, width=100)
    tag = path.stem.replace("-", "_")
    head = HEAD.format(name=path.stem, tag=tag, plural=PLURALS.get(path.stem, "n > 1"))
    return head + out.getvalue().decode()


if __name__ == "__main__":
    everything = wanted()
    for each in sorted(LOCALES.glob("*.po")):
        each.write_text(renew(each, everything), encoding="utf-8")
