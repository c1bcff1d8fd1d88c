"""Pages in a real browser, wide and narrow: what it lays out, and that it loads nothing. Needs Chromium or Chrome."""

import html
import json
import re
import subprocess

import pytest
from browser import BROWSER, NO_BROWSER

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")
pytestmark = [pytest.mark.plain, pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)]

WIDTHS = (400, 1280)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
# A frame can be as narrow as a phone, and a browser's window cannot. What is measured: the page's own width; elements that
# reach beyond it outside a box that scrolls; sizes of charts and their letters; what was loaded; whether there are scripts.
MEASURE = """
window.onload = () => {
  const found = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, inside = frame.contentWindow;
    const beyond = [...page.querySelectorAll("body *:not(.box *):not(svg *)")].filter(
      (element) => element.getBoundingClientRect().right > frame.clientWidth + 0.5);
    found[frame.id] = {
      width: page.documentElement.scrollWidth,
      beyond: beyond.map((element) => element.outerHTML.slice(0, 80)),
      charts: [...page.querySelectorAll("svg.chart")].map((chart) => chart.getBoundingClientRect().width),
      letters: [...page.querySelectorAll("svg.chart text")].map((text) => text.getBoundingClientRect().height),
      loaded: inside.performance.getEntriesByType("resource").map((entry) => entry.name),
      scripts: page.scripts.length,
      headings: [...page.querySelectorAll("h2")].map((heading) => heading.textContent),
      rows: [...page.querySelectorAll("table")].map((table) => table.rows.length),
      shade: inside.getComputedStyle(page.querySelector("td.right") || page.body).backgroundColor,
    };
  }
  const result = document.createElement("pre");
  result.id = "found";
  result.textContent = JSON.stringify(found);
  document.body.replaceChildren(result);
};
"""


@pytest.fixture(scope="module")
def measured(pages, tmp_path_factory):
    """What the browser finds, by kind and width."""
    folder = tmp_path_factory.mktemp("browser")
    frames = "".join(
        f'<iframe id="{kind} {width}" style="width:{width}px;height:900px;border:0" srcdoc="{html.escape(content)}"></iframe>'
        for kind, content in pages.items()
        for width in WIDTHS
    )
    (folder / "pages.html").write_text(f"<!DOCTYPE html><body><script>{MEASURE}</script>{frames}</body>", "utf-8")
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--dump-dom", (folder / "pages.html").as_uri()]
    try:
        shown = subprocess.run(command, capture_output=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{BROWSER} does not answer here")
    result = re.search(r'<pre id="found">(.*?)</pre>', shown.stdout.decode("utf-8", "replace"), re.DOTALL)
    if result is None and not shown.stdout:
        pytest.skip(f"{BROWSER} does not run here: {shown.stderr.decode('utf-8', 'replace')[-200:]}")
    return json.loads(html.unescape(result[1]))


def test_all_pages_are_shown(measured, pages):
    assert set(measured) == {f"{kind} {width}" for kind in pages for width in WIDTHS}
    for found in measured.values():
        assert found["headings"][0] == "Summary"
        assert found["headings"][-1] == "Repeat this run"
        assert all(rows > 1 for rows in found["rows"])


def test_no_page_is_wider_than_the_window(measured):
    for name, found in measured.items():
        assert found["beyond"] == [], name
        assert found["width"] <= int(name.split()[-1]), name


def test_pictures_fill_the_width_and_can_be_read(measured):
    for name, found in measured.items():
        assert found["charts"], name
        assert all(340 < width < 560 for width in found["charts"]), name
        assert all(height >= 8 for height in found["letters"]), name


def test_nothing_is_loaded_and_no_name_is_run(measured):
    for found in measured.values():
        assert found["loaded"] == []
        assert found["scripts"] == 0


def test_the_confusion_matrix_is_shaded(measured):
    assert measured["digits 400"]["shade"] not in ("rgba(0, 0, 0, 0)", "rgb(255, 255, 255)")
