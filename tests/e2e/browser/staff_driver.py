"""A staff user in the staff app in a real browser, with or without scripts.

Responsible for: signing in by a one-time link or at once, and recording each request to another origin, each
violation of the content security policy and each dialog. Never: depends on what a page is about.
"""

from dataclasses import dataclass, field

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page

from app.web.staff.cookies import SESSION
from tests.e2e.browser import accounts, pictures
from tests.e2e.browser.accounts import PASSWORD
from tests.e2e.browser.mobile_device import DESK, Way
from tests.server import Server


@dataclass
class Colleague:
    """`strange`: everything seen that no page may do."""

    browser: Browser
    server: Server
    email: str
    roles: tuple[str, ...] = ("reviewer",)
    way: Way = DESK
    strange: list[str] = field(default_factory=list)
    context: BrowserContext = field(init=False)
    page: Page = field(init=False)

    def __post_init__(self) -> None:
        self.context = self.browser.new_context(
            viewport={"width": self.way.width, "height": 900},
            java_script_enabled=self.way.scripts,
            reduced_motion="reduce",
        )
        self.page = self.context.new_page()
        self.page.on("request", lambda asked: self._asked(asked.url))
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.strange.append(str(error)))
        self.page.on("dialog", self._opened)

    def come_in(self) -> "Colleague":
        """Sign in by a one-time link, choosing a password; ends on the queue or the user's own first page."""
        secret = accounts.invited(self.server, self.email, self.roles)
        self.go(f"/staff/welcome{'#' if self.way.scripts else '/'}{secret}")
        if not self.way.scripts:
            self.page.locator("form.welcome button").click()
        self.page.locator("[name=password]").wait_for()
        for name in ("password", "again"):
            self.page.fill(f"[name={name}]", PASSWORD)
        self.press("Keep it and sign in")
        return self

    def be_signed_in(self) -> "Colleague":
        """Sign in at once, for tests that are not about signing in."""
        secret = accounts.signed_in(self.server, self.email, self.roles)
        self.context.add_cookies(
            [
                {
                    "name": SESSION,
                    "value": secret,
                    "url": self.server.url,
                    "httpOnly": True,
                    "sameSite": "Strict",
                }
            ]
        )
        return self

    def go(self, path: str) -> "Colleague":
        self.page.goto(self.server.url + path)
        return self

    def press(self, name: str, *, within: str = "main") -> None:
        """Press the button with this text; the next page has loaded when this returns."""
        with self.page.expect_navigation():
            self.page.locator(within).get_by_role("button", name=name).first.click()

    @property
    def words(self) -> str:
        return self.page.inner_text("main")

    @property
    def heading(self) -> str:
        return self.page.locator("h1").first.inner_text()

    def picture(self, name: str) -> None:
        pictures.take(self.page, f"staff-{name}")

    def close(self) -> list[str]:
        """Close the browser context; returns everything in `strange`."""
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
