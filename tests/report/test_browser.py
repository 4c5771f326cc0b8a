"""The pages in a real browser, opened as files, with scripts off."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from collecte.report import coordinator_page, feedback_page, homogeneity_page
from tests.report.builders import feedback, report
from tests.report.test_homogeneity_page import report as homogeneity

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def pages(tmp_path: Path) -> dict[str, str]:
    texts = {
        "report": coordinator_page(report()),
        "feedback": feedback_page(feedback()),
        "homogeneity": homogeneity_page(homogeneity()),
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.html").write_text(text, "utf-8")
    return {name: (tmp_path / f"{name}.html").as_uri() for name in texts}


@pytest.mark.parametrize("name", ["report", "feedback", "homogeneity"])
def test_a_page_asks_no_network_and_fits_a_telephone(browser: Browser, pages: dict[str, str], name: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(pages[name])
    assert asked == [pages[name]]
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


def test_the_switch_shows_one_language_at_a_time_without_a_script(browser: Browser, pages: dict[str, str]) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(pages["report"])
    french, english = page.locator("article[lang=fr]"), page.locator("article[lang=en]")
    assert (french.is_visible(), english.is_visible()) == (True, False)
    page.get_by_label("Français").focus()
    page.keyboard.press("ArrowRight")
    assert (french.is_visible(), english.is_visible()) == (False, True)
    page.get_by_text("Français", exact=True).click()
    assert (french.is_visible(), english.is_visible()) == (True, False)
    page.close()
