"""For every test.

- what a test runs is nobody's progress (the tests of the record name a file of their own);
- ``chromium`` is the real browser of those tests that need one;
- the files that take longest are handed out first, so that no worker is left with one of them at the end.
"""

from __future__ import annotations

import os
import shutil

import pytest

os.environ["MECHANISMS_PROGRESS"] = "off"
# Those that read the built book are apart: whoever comes first builds it, and the other would wait.
LONGEST = (
    "tests/anatomy/test_specs.py",
    "tests/walkthroughs/test_instructor.py",
    "tests/book/test_solutions.py",
    "tests/browser/test_jupyterlab.py",
    "tests/attacks/test_attacks.py",
    "tests/walkthroughs/test_new_chapter.py",
    "tests/build/test_sample_class.py",
    "tests/book/test_browser.py",
    "tests/build/test_every_chapter.py",
)


@pytest.fixture(scope="session")
def chromium():
    """One browser for all tests of a worker; skipped where there is none."""
    program, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not (program and driver):
        pytest.skip("needs Chromium and chromedriver (Debian: apt install chromium chromium-driver)")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=Service(driver)) as browser:
        browser.set_script_timeout(120)
        browser.set_page_load_timeout(120)
        yield browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the longest files to the front; within a file the order stays."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(LONGEST)))
