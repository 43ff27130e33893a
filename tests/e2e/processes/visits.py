"""A complete visit to the hosted form, valid and invalid, with canaries in every field.

Responsible for: every page, the resume links, the copies, the errors; records each secret that was issued.
Never: judges.
"""

from urllib.parse import quote

from tests.e2e.processes.canaries import ANSWERS, CONTACT, STRAY
from tests.e2e.processes.person import Pairs, Person
from tests.server import Server

TOLD = ANSWERS | {f"contact_{kind}": value for kind, value in CONTACT.items()}
COPIES = (
    "/form/summary.txt",
    "/form/summary.pdf",
    "/form/privacy",
    "/form/save",
    "/form/delete",
    "/form/check",
)


class Visits:
    """`secrets`: cookies, links, tokens and signed forms; `hashed`: those that are stored as a hash."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.secrets: set[str] = set()
        self.hashed: set[str] = set()
        self.troubles: list[int] = []

    def person(self) -> Person:
        noise = {
            "user-agent": STRAY["header"],
            "referer": f"https://x.example/{STRAY['header']}",
            "x-forwarded-for": STRAY["address"],
            "x-canary": STRAY["header"],
        }
        return Person(self.server, TOLD, noise, {"c": STRAY["header"]})

    def pay(self) -> None:
        """Visit every page, with invalid requests on each, a link, and a second device."""
        first = self.person()
        while first.step():
            self._note(first)
            if first.sheet is not None and first.form is not None:
                self._err(first)
        link = first.link()
        other = self.person()
        other.resume(link)
        other.look()
        self._note(other)
        for path in COPIES:
            first.ask("GET", f"/form/{path}?stray={STRAY['query']}")
        self.hashed |= {first.secret, other.secret, link.rpartition("#")[2]}
        self.secrets |= self.hashed
        self._leave()
        for person in (first, other):
            person.hang_up()

    def _note(self, person: Person) -> None:
        if person.sheet is not None:
            for form in person.sheet.forms:
                given = dict(form.filled({}))
                self.secrets |= {given["token"].partition(".")[2]} if "token" in given else set()
                self.secrets |= set(given.get("instance", "").split(".")[1::2])
        self.secrets.discard("")

    def _err(self, person: Person) -> None:
        """Invalid requests on a page: wrong answers, a wrong token, wrong addresses."""
        form = person.form
        assert form is not None
        good = form.filled(TOLD)
        value = STRAY["value"]
        for pairs in (
            [(name, text if name in ("asked", "token", "instance") else value) for name, text in good],
            [(name, value if name in ("token", "instance") else text) for name, text in good],
            [*good, (STRAY["member"], value), ("language", value), ("remove", value)],
        ):
            self._sent(person, form.action, pairs)
        for path in (f"/form/s/{STRAY['path']}", f"/form/resume/{STRAY['path']}", f"/form/{STRAY['path']}"):
            self.troubles.append(person.ask("GET", f"{path}?stray={STRAY['query']}").status)
            self._sent(person, path, good)
        self._sent(person, "/form/resume", [("link", f"https://x.example/{STRAY['credential']}")])
        self._sent(person, "/form/language", [("language", value), ("back", f"/{quote(value)}")])

    def _sent(self, person: Person, path: str, pairs: Pairs) -> None:
        """Send it and restore the cookies: even an invalid request may open another form."""
        held = dict(person.cookies)
        self.troubles.append(person.ask("POST", path, pairs).status)
        person.cookies = held

    def _leave(self) -> None:
        """A respondent who quits, and then sends an invalid cookie."""
        gone = self.person()
        gone.go_to(2, shown=True)
        self.secrets.add(gone.secret)
        sheet = gone.open("/form/save")
        form = sheet.to("/form/clear")
        assert form is not None
        assert gone.ask("POST", form.action, form.filled({})).status == 303
        gone.cookies["preconsult_form"] = STRAY["credential"]
        self.troubles.append(gone.ask("GET", "/form/check").status)
        gone.hang_up()

    def be_unlucky(self) -> None:
        """Cause a server error: call it while a table is missing."""
        person = self.person()
        person.look()
        form = person.form
        assert form is not None
        assert person.ask("POST", form.action, form.filled(TOLD)).status == 303
        self.secrets.add(person.secret)
        self.troubles.append(person.ask("GET", "/form/check").status)
        person.hang_up()
