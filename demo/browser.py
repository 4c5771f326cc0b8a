"""A real browser: the machine's own Chromium, without a window, for the pictures and for the tests."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from demo.servers import DidNotStart
from demo.stack import Stack

#: It asks nothing of the network by itself.
_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that ends with the block.

    Raises:
        DidNotStart: the machine has no Chromium.
    """
    program = shutil.which("chromium")
    if not program:
        raise DidNotStart("Chromium is not installed (on Debian: apt install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS.split())
        yield browser
        browser.close()


def log_in(page: Page, stack: Stack, login: str | None = None) -> None:
    """Fill in the form that Airflow shows before anything else; as the engineer, or as another of the stack's users."""
    user = login or stack.user
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", stack.passwords[user])
    page.click("button[type=submit]")
