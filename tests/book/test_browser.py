"""The book in a real browser: figures move, search finds, nothing complains, everybody can read it."""

from __future__ import annotations

import gzip
import re

import pytest
from book_copy import ROOT

pytestmark = pytest.mark.slow

CHAPTERS = sorted(path.stem for path in (ROOT / "book" / "chapters").glob("*.md"))
# One page of each kind: they share templates, so what is wrong on one is wrong on its kind.
KINDS = (
    *("index", "guides/student", "paths", "exercises", "solutions", "solutions/02_factual_recall", "glossary", "where"),
    *("errors", "errors/never-returns", "status", "references", *(f"chapters/{chapter}" for chapter in CHAPTERS)),
)
EVERY = (*KINDS, *(f"solutions/{chapter}" for chapter in CHAPTERS if f"solutions/{chapter}" not in KINDS))
PHONE = {"width": 375, "height": 812, "deviceScaleFactor": 2, "mobile": True}
# A page's own files as they are (a worked notebook shows every figure of its chapter at once, so it may weigh more),
# and everything that it loads as a server packs it. Of the latter two thirds are the theme's icons and MathJax, which a
# browser keeps for the next page; a page without them is within Lighthouse's 1600 KB, the heaviest with them is not.
OWN_LIMIT_KB, NOTEBOOK_LIMIT_KB, PACKED_LIMIT_KB, FILES_LIMIT = 1024, 1536, 1800, 60

# Everything that a reader can turn, on the page and not in the theme's frame.
CONTROLS = """
return [...document.querySelectorAll('article input[type=range], article select, article .cell_output button, ' +
  'article .cell_output input[type=number]')].filter(one => one.offsetParent && !one.disabled);
"""
# What the figure of a control shows, without what the control itself and its label say.
PICTURE = """
const own = 'input, select, option, output, label, label *, output *, button, script, style';
return [...arguments[0].closest('div.cell_output').querySelectorAll('*')]
  .filter(one => !one.matches(own) && !one.querySelector('input, select, output'))
  .map(one => one.outerHTML).join();
"""


def open_page(browser, site, page: str, dark: bool = False):
    """Open a page of the book, light or dark as a reader would have chosen, and wait for its formulas and scripts."""
    mode = "dark" if dark else "light"
    # Before the page's own scripts, and in their process: what one page has stored may reach the next one too late.
    script = f"for (const name of ['mode', 'theme']) localStorage.setItem(name, '{mode}');"
    chosen = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    browser.get(f"{site}/book/{page}.html")
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", chosen)
    browser.execute_async_script(
        "const done = arguments[0]; const typeset = window.MathJax && MathJax.startup && MathJax.startup.promise;"
        "Promise.resolve(typeset).then(() => document.fonts.ready).then(() => done());"
    )
    return browser


def complaints(browser) -> list[str]:
    """What the browser's console has against the page."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


@pytest.mark.parametrize("page", EVERY)
def test_nothing_complains_and_a_phone_needs_no_sideways_scrolling(browser, site, page):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    open_page(browser, site, page)
    assert complaints(browser) == []
    width = browser.execute_script("return document.documentElement.scrollWidth;")
    if width > PHONE["width"]:
        wide = browser.execute_script(
            "return [...document.querySelectorAll('article *')].filter(one => one.getBoundingClientRect().right > 376)"
            ".slice(0, 5).map(one => one.outerHTML.slice(0, 150));"
        )
        pytest.fail(f"the page is {width} pixels wide on a phone of {PHONE['width']}; first {wide}")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page", KINDS)
def test_no_serious_violation_of_accessibility(browser, site, page, dark):
    from selenium_axe_python import Axe

    open_page(browser, site, page, dark)
    assert browser.execute_script("return document.documentElement.dataset.theme;") == ("dark" if dark else "light")
    axe = Axe(browser)
    axe.inject()
    # What the dark changes is contrast; everything else is looked at in the light.
    only = ', runOnly: {type: "rule", values: ["color-contrast"]}' if dark else ""
    found = axe.run(options=f'{{resultTypes: ["violations"]{only}}}')
    assert len(found["passes"]) >= (1 if dark else 10)
    grave = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    told = [f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:4]]}" for one in grave]
    assert told == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_figures_move_by_mouse_and_by_keyboard(browser, site, chapter):
    from selenium.webdriver import ActionChains, Keys
    from selenium.webdriver.support.select import Select

    open_page(browser, site, f"chapters/{chapter}")
    controls = browser.execute_script(CONTROLS)
    assert controls, "the chapter has no figure that moves"
    moved = {"mouse": 0, "keyboard": 0}
    for control in controls:
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'});", control)
        before = browser.execute_script(PICTURE, control)
        kind = control.get_attribute("type") or control.tag_name
        if kind == "range":
            at = float(control.get_attribute("value"))
            last = at >= float(control.get_attribute("max"))
            control.send_keys(Keys.ARROW_LEFT if last else Keys.ARROW_RIGHT)
            assert float(control.get_attribute("value")) != at
            moved["keyboard"] += browser.execute_script(PICTURE, control) != before
            before = browser.execute_script(PICTURE, control)
            side = -1 if last or at > float(control.get_attribute("max")) / 2 else 1
            ActionChains(browser).move_to_element_with_offset(
                control, int(side * 0.45 * control.size["width"]), 0
            ).click().perform()
            moved["mouse"] += browser.execute_script(PICTURE, control) != before
        elif kind == "select-one":
            choice = Select(control)
            taken = choice.options.index(choice.first_selected_option)
            control.send_keys(Keys.ARROW_UP if taken else Keys.ARROW_DOWN)
            moved["keyboard"] += browser.execute_script(PICTURE, control) != before
        elif kind in ("submit", "button"):
            control.click()
            moved["mouse"] += browser.execute_script(PICTURE, control) != before
    assert moved["keyboard"] > 0, "no key moves a figure"
    assert moved["mouse"] > 0 or not any(one.get_attribute("type") == "range" for one in controls)
    assert complaints(browser) == []


def test_a_figure_whose_script_is_dead_does_not_count_as_moving(browser, site):
    from selenium.webdriver import Keys

    open_page(browser, site, "chapters/02_factual_recall")
    browser.execute_script(
        "for (const one of document.querySelectorAll('div.cell_output')) one.replaceWith(one.cloneNode(true));"
    )
    control = browser.execute_script(CONTROLS)[0]
    before, at = browser.execute_script(PICTURE, control), control.get_attribute("value")
    control.send_keys(Keys.ARROW_RIGHT)
    assert control.get_attribute("value") != at and "<svg" in before
    assert browser.execute_script(PICTURE, control) == before


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_control_says_what_it_is(browser, site, chapter):
    open_page(browser, site, f"chapters/{chapter}")
    controls = browser.execute_script(CONTROLS)
    assert controls
    for control in controls:
        assert control.accessible_name.strip(), control.get_attribute("outerHTML")[:200]


@pytest.mark.parametrize("page", KINDS)
def test_a_page_keeps_to_its_weight(browser, site, built, page):
    open_page(browser, site, page)
    named = browser.execute_script(
        "return [...performance.getEntriesByType('resource'), performance.getEntriesByType('navigation')[0]]"
        ".map(one => one.name);"
    )
    # What a figure carries in its own page ("data:") is weighed with the page.
    loaded = {name.partition("?")[0].partition("#")[0] for name in named if not name.startswith("data:")}
    assert all(name.startswith(site) for name in loaded)
    content = {name: (built / name.removeprefix(f"{site}/")).read_bytes() for name in loaded}
    own = sum(len(text) for name, text in content.items() if not re.search("/_static/|/searchindex.js$", name)) / 1024
    whole = sum(len(gzip.compress(text, 6)) for text in content.values()) / 1024
    limit = NOTEBOOK_LIMIT_KB if page.startswith("solutions/") else OWN_LIMIT_KB
    assert 0 < own <= limit, f"{own:.0f} KB of its own"
    assert whole <= PACKED_LIMIT_KB, f"{whole:.0f} KB, packed, with what every page shares"
    assert len(loaded) <= FILES_LIMIT, f"{len(loaded)} files"


def test_search_finds_the_residual_stream(browser, site):
    from selenium.webdriver import Keys
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(f"{site}/book/index.html")

    def seen(selector):
        return [one for one in browser.find_elements(By.CSS_SELECTOR, selector) if one.is_displayed()]

    if not seen("input[type=search]"):
        seen("button.search-button, button.search-button__button")[0].click()
    [field, *_] = WebDriverWait(browser, 20).until(lambda _: seen("input[type=search]"))
    field.send_keys("residual stream", Keys.ENTER)
    WebDriverWait(browser, 60).until(lambda b: b.find_elements(By.CSS_SELECTOR, "#search-results li a"))
    links = browser.find_elements(By.CSS_SELECTOR, "#search-results li a")
    found = [link.get_attribute("href") for link in links]
    assert any("chapters/02_factual_recall" in link for link in found)
    assert complaints(browser) == []


def test_a_solution_opens_by_keyboard(browser, site):
    from selenium.webdriver import Keys
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    open_page(browser, site, "solutions/02_factual_recall")
    fold = browser.find_element(By.CSS_SELECTOR, "details.hide")
    assert fold.get_attribute("open") is None
    fold.find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)
    assert fold.get_attribute("open") is not None
    # It fades in.
    WebDriverWait(browser, 20).until(lambda _: fold.find_element(By.CSS_SELECTOR, "div.highlight").is_displayed())
