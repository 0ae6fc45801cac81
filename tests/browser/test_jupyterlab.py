"""A student in JupyterLab: opens an exercise, runs everything, sees the failing check, mends it, sees it pass.

The real server, the real notebook of chapter 09, the real kernel, a real browser that clicks and types. The screenshots
in tests/browser/screenshots are for people to look at.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
CHAPTER = "09_pretraining_budgets"
NOTEBOOK = "pretraining_budgets.ipynb"
PATIENCE = 180
IDLE = "return document.querySelector('#jp-main-statusbar').textContent.includes('| Idle')"


def solution(name: str) -> str:
    """The right answer of an exercise of the chapter, as it stands in the source."""
    from autograder.build.source import read_source

    [cell] = [one for one in read_source(ROOT / "solutions" / f"{CHAPTER}.py") if one.role == "solution"
              and one.exercise == name]  # fmt: skip
    return "\n".join(line for line in cell.text.splitlines() if not line.strip().startswith("### "))


class Page:
    """The notebook on the screen."""

    def __init__(self, browser, pictures):
        self.browser, self.pictures = browser, pictures

    def until(self, what, *arguments, seconds: float = PATIENCE):
        """Wait until a piece of JavaScript gives something true, and return that."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.browser.execute_script(what, *arguments)
            if found:
                return found
            time.sleep(0.25)
        self.picture("gave-up")
        raise AssertionError(f"This did not become true in {seconds} s: {what}")

    def picture(self, name: str) -> None:
        self.browser.save_screenshot(str(self.pictures / f"jupyterlab-{name}.png"))

    def menu(self, first: str, entry: str) -> None:
        """Click an entry of the menu bar."""
        bar = self.browser.find_elements(By.CSS_SELECTOR, ".lm-MenuBar-item")
        next(item for item in bar if item.text.strip() == first).click()
        self.until("return document.querySelector('.lm-Menu .lm-Menu-itemLabel')")
        entries = self.browser.find_elements(By.CSS_SELECTOR, ".lm-Menu .lm-Menu-item")
        next(item for item in entries if item.text.strip().startswith(entry)).click()

    def cell(self, begins: str):
        """The code cell whose text begins so, scrolled to."""
        find = (
            "return [...document.querySelectorAll('.jp-CodeCell')].find(cell => "
            "[...cell.querySelectorAll('.cm-line')].map(line => line.textContent).join('\\n').startsWith(arguments[0]))"
        )
        found = self.until(find, begins)
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
        return found

    def output(self, cell) -> str:
        """What stands below a cell."""
        return self.browser.execute_script(
            "const out = arguments[0].querySelector('.jp-OutputArea'); return out ? out.innerText : ''", cell
        )

    def type_into(self, cell, text: str) -> None:
        """Replace a cell's text as a student would: click, select everything, paste."""
        editor = cell.find_element(By.CSS_SELECTOR, ".cm-content")
        editor.click()
        ActionChains(self.browser).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).perform()
        self.browser.execute_cdp_cmd("Input.insertText", {"text": text})

    def run_here(self, cell) -> str:
        """Shift-Enter in a cell; what stands below it when it is done."""
        prompt = "return arguments[0].querySelector('.jp-InputPrompt').textContent"
        before = self.browser.execute_script(prompt, cell)
        cell.find_element(By.CSS_SELECTOR, ".cm-content").click()
        ActionChains(self.browser).key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()
        done = (
            "const now = arguments[0].querySelector('.jp-InputPrompt').textContent; "
            "return now !== arguments[1] && !now.includes('*')"
        )
        self.until(done, cell, before)
        return self.output(cell)


@pytest.fixture(scope="module")
def page(lab, chromium, pictures):
    """The exercise as it is handed out, opened."""
    shutil.copyfile(ROOT / "exercises" / CHAPTER / NOTEBOOK, lab.folder / NOTEBOOK)
    size = {"width": 1280, "height": 1100, "deviceScaleFactor": 1, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    chromium.get(f"{lab.address}/lab/tree/{NOTEBOOK}")
    made = Page(chromium, pictures)
    made.until("return document.querySelectorAll('.jp-CodeCell').length > 3")
    made.until(
        "return document.querySelector('.jp-NotebookPanel .jp-Toolbar-kernelName')?.textContent.includes('Python')"
    )
    yield made
    chromium.get("about:blank")  # before its server is gone: the page would ask for it again and again


def test_a_student_sees_a_check_fail_mends_it_and_sees_it_pass(page, lab):
    page.picture("1-opened")
    page.menu("Run", "Run All Cells")
    check = page.cell("check(hardware_cost)")
    # Not innerText: running everything scrolls to the end, and what is off the screen has none.
    page.until("return arguments[0].textContent.includes('NotImplementedError')", check)
    check = page.cell("check(hardware_cost)")
    assert "hardware_cost still raises NotImplementedError" in page.output(check)
    assert "Traceback" not in page.output(check)
    page.until(IDLE)
    page.picture("2-everything-run")

    page.type_into(page.cell("# exercise: ch09.hardware_cost"), wrong("hardware_cost"))
    page.run_here(page.cell("# exercise: ch09.hardware_cost"))
    shown = page.run_here(page.cell("check(hardware_cost)"))
    assert "Not yet" in shown and "0 of" in shown and "Traceback" not in shown
    page.picture("3-not-yet")

    page.type_into(page.cell("# exercise: ch09.hardware_cost"), solution("hardware_cost"))
    page.run_here(page.cell("# exercise: ch09.hardware_cost"))
    shown = page.run_here(page.cell("check(hardware_cost)"))
    assert "Passed" in shown and "Not yet" not in shown
    page.picture("4-passed")

    kept = json.loads(lab.progress.read_text())["exercises"]["ch09.hardware_cost"]
    assert kept["best"] == kept["of"] > 0 and kept["attempts"] == 3


@pytest.mark.parametrize(("cell", "words"), [("progress()", "1 of 72 exercises done"), ("doctor()", "Ready: all ex")])
def test_progress_and_doctor_in_a_cell_of_the_students_own(page, cell, words):
    page.cell("check(hardware_cost)").find_element(By.CSS_SELECTOR, ".cm-content").click()
    ActionChains(page.browser).send_keys(Keys.ESCAPE, "b", Keys.ENTER).perform()
    page.until("return document.querySelector('.jp-Notebook.jp-mod-editMode .jp-CodeCell.jp-mod-active')")
    page.browser.execute_cdp_cmd("Input.insertText", {"text": cell})
    shown = page.run_here(page.cell(cell))
    assert words in shown and "Traceback" not in shown
    page.browser.execute_script("arguments[0].scrollIntoView({block: 'start'})", page.cell(cell))
    page.picture(f"5-{cell.removesuffix('()')}")


def wrong(name: str) -> str:
    """The right signature, and an answer that is never right."""
    head, _, _ = solution(name).partition('    """')
    return f"{head}    return -1.0\n"


def test_what_it_saved_is_graded(page, lab):
    from autograder.project import current
    from autograder.selfcheck import check_notebook

    page.menu("File", "Save Notebook")
    answer = json.dumps(solution("hardware_cost").splitlines()[-1])
    end = time.monotonic() + PATIENCE
    while answer not in (lab.folder / NOTEBOOK).read_text("utf-8"):
        assert time.monotonic() < end
        time.sleep(0.25)
    result = check_notebook(current(), lab.folder / NOTEBOOK, seed="a seed of the tests").result
    found = result.exercises["hardware_cost"]
    assert found.points == found.max_points and found.state == "passed"
    assert sum(one.points for one in result.exercises.values()) == found.points
