"""Somebody of the staff at the workbench in a real browser, with or without scripts.

Office: comes in by a one-time link, and is watched: nothing is asked of another origin, nothing breaks the
content policy, no dialog opens. Refuses: to know what a page is about.
"""

from dataclasses import dataclass, field

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page

from tests.browser.device import ARTEFACTS
from tests.server import Server

PASSWORD = "blue river 92 walnut"


@dataclass
class Colleague:
    """`strange`: what no page may do, and this one saw it do."""

    browser: Browser
    server: Server
    email: str
    roles: tuple[str, ...] = ("reviewer",)
    scripts: bool = True
    width: int = 1280
    strange: list[str] = field(default_factory=list)
    context: BrowserContext = field(init=False)
    page: Page = field(init=False)

    def __post_init__(self) -> None:
        screen = {"width": self.width, "height": 900}
        self.context = self.browser.new_context(
            viewport={"width": screen["width"], "height": screen["height"]},
            java_script_enabled=self.scripts,
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(10_000)
        self.page = self.context.new_page()
        self.page.on("request", lambda asked: self._asked(asked.url))
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.strange.append(str(error)))
        self.page.on("dialog", self._opened)

    def invite(self) -> str:
        """The one-time link that a command prints, on this server's address."""
        roles = [word for role in self.roles for word in ("--role", role)]
        link = self.server.command("staff", "add", self.email, *roles)
        return self.server.url + link[link.index("/staff/welcome") :]

    def come_in(self) -> "Colleague":
        """By the link, to the queue or whatever page is theirs."""
        link = self.invite()
        self.page.goto(link if self.scripts else link.replace("#", "/"))
        if not self.page.locator("[name=password]").count():
            self.page.locator("form.welcome button").click() if not self.scripts else None
        self.page.locator("[name=password]").wait_for()
        for name in ("password", "again"):
            self.page.fill(f"[name={name}]", PASSWORD)
        self.press("Keep it and sign in")
        return self

    def go(self, path: str) -> "Colleague":
        self.page.goto(self.server.url + path)
        return self

    def press(self, name: str, *, within: str = "main") -> None:
        """A button by its words; the page that follows is there when this returns."""
        with self.page.expect_navigation():
            self.page.locator(within).get_by_role("button", name=name).first.click()

    @property
    def words(self) -> str:
        return self.page.inner_text("main")

    @property
    def heading(self) -> str:
        return self.page.locator("h1").first.inner_text()

    def picture(self, name: str) -> None:
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"staff-{name}.png", full_page=True)

    def close(self) -> list[str]:
        """End it; everything strange."""
        self.context.close()
        return self.strange

    def _asked(self, url: str) -> None:
        if not url.startswith((self.server.url, "data:", "blob:", "about:")):
            self.strange.append(f"request {url}")

    def _said(self, said: ConsoleMessage) -> None:
        if said.type == "error" and "status of 4" not in said.text:
            self.strange.append(said.text)

    def _opened(self, dialog: Dialog) -> None:
        if dialog.type != "beforeunload":
            self.strange.append(f"{dialog.type} {dialog.message}")
        dialog.accept()
