"""Measurements of an open page.

Responsible for: returning each problem as text, and nothing if there is none. Never: depends on what the page
is about.
"""

import re
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

LEAST_TARGET = 44
INLINE = re.compile(r"<style|<[^>]*\s(?:style|on[a-z]+)=|javascript:|<script(?![^>]*\ssrc=)", re.IGNORECASE)
# A link in running text is as high as its line (WCAG 2.2, 2.5.8); other targets must fit a thumb.
TARGETS = """least => {
    const words = each => each.textContent.trim().replace(/\\s+/g, " ") || each.name;
    const running = link => {
        if (!link.matches("a") || getComputedStyle(link).display !== "inline") return false;
        const links = [...link.parentElement.querySelectorAll("a")].map(words);
        const others = links.reduce((rest, each) => rest.replace(each, ""), words(link.parentElement));
        return /\\p{L}/u.test(others);
    };
    const unseen = each => !each.checkVisibility() || each.closest(".default, .elsewhere, label *");
    return [...document.querySelectorAll("button, summary, label.row, a:not(.skip), input")]
        .filter(each => !unseen(each) && !running(each))
        .map(each => [words(each), each.getBoundingClientRect().height])
        .filter(([, height]) => height < least);
}"""
SIDEWAYS = """() => {
    // a region scrolls by itself
    const aside = ".unseen, .default, .elsewhere, .skip, section[tabindex] > *";
    const unseen = each => !each.checkVisibility() || each.closest(aside);
    const out = box => box.width > 1 && (box.left < -1 || box.right > innerWidth + 1);
    const all = [...document.body.querySelectorAll("*")];
    const found = all.filter(each => !unseen(each) && out(each.getBoundingClientRect()));
    const told = found.map(each => each.cloneNode(false).outerHTML.slice(0, 90));
    const width = document.documentElement.scrollWidth;
    return width > innerWidth ? [`the page is ${width} px wide`, ...told] : told;
}"""
# The side that has the marks of option rows and the borders of boxes.
SIDES = """() => {
    const middle = each => { const box = each.getBoundingClientRect(); return (box.left + box.right) / 2 };
    const shown = chosen => [...document.querySelectorAll(chosen)].filter(each => each.checkVisibility());
    const marks = shown("label.row").map(row => middle(row.querySelector("input")) < middle(row));
    const rules = shown(".field.wrong, figure, .notice").map(box => getComputedStyle(box))
        .map(style => parseFloat(style.borderLeftWidth) > parseFloat(style.borderRightWidth));
    return [...marks, ...rules].map(left => left ? "left" : "right");
}"""
# Marks rows, items and options that repeat the structure of an earlier one on the page: same elements,
# classes and attributes, empty or not.
ALIKE = """() => {
    const given = each => each.getAttributeNames().filter(name => name !== "data-alike").sort();
    const shape = each => [
        each.localName, each.getAttribute("class"), each.textContent.trim() !== "",
        given(each).map(name => [name, each.getAttribute(name) !== ""]), [...each.children].map(shape),
    ];
    const seen = new Set();
    for (const each of document.querySelectorAll("main :is(tbody > tr, li, label.row, dl > div)")) {
        const found = JSON.stringify(shape(each));
        each.toggleAttribute("data-alike", seen.has(found));
        seen.add(found);
    }
}"""
KEPT = """async () => ({
    local: localStorage.length, session: sessionStorage.length, cookie: document.cookie,
    databases: (await indexedDB.databases()).length, caches: (await caches.keys()).length,
    workers: (await navigator.serviceWorker.getRegistrations()).length,
})"""


def violations(page: Page, *rules: str, sample: bool = False) -> list[str]:
    """The violations that axe finds, with these rules or with all its rules.

    `sample`: of rows, items and options with the same structure, check only one; each takes axe milliseconds.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    if sample:
        page.evaluate(ALIKE)
    asked: dict[str, Any] = {
        "resultTypes": ["violations"],
        "preload": False,
    }  # the pages have no media to preload
    asked |= {"runOnly": rules} if rules else {}
    found: list[dict[str, Any]] = page.evaluate(
        "asked => axe.run({ exclude: ['[data-alike]'] }, asked).then(found => found.violations)", asked
    )
    return [f"{each['id']}: {node['html'][:90]}" for each in found for node in each["nodes"]]


def small_targets(page: Page) -> list[str]:
    """Buttons, option rows, fields and standalone links that are too low to be hit."""
    return [f"{words} is {height:.1f} px high" for words, height in page.evaluate(TARGETS, LEAST_TARGET)]


def sideways(page: Page) -> list[str]:
    """Elements that extend beyond the screen."""
    found: list[str] = page.evaluate(SIDEWAYS)
    return found


def sides(page: Page) -> set[str]:
    """The side on which lines begin visually: left, right, or both."""
    return set(page.evaluate(SIDES))


def kept(page: Page) -> list[str]:
    """What a script could find stored on this device afterwards."""
    return [f"{store}: {held}" for store, held in page.evaluate(KEPT).items() if held]


def inline(html: str) -> list[str]:
    """Inline styles and scripts of a page."""
    return INLINE.findall(html)
