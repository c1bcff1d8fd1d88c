"""The page in a real browser: opened, changed, trained, watched and stopped, by mouse and by keyboard."""

import pytest
from browser import BROWSER, NO_BROWSER

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser's driver, playwright, is not installed")
pytestmark = pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)

PATIENCE = 60_000  # milliseconds
expect = sync_api.expect
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as driver:
        try:
            opened = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        except sync_api.Error as error:
            pytest.skip(f"{BROWSER} does not run here: {str(error)[:200]}")
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser, port):
    """Opens the page; at the end, no script has failed, and nothing was asked of another place than the server."""
    problems, contexts = [], []

    def opening(width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: f"127.0.0.1:{port}/" in request.url or problems.append(request.url))
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector("#start:enabled")
        return page

    yield opening
    for context in contexts:
        context.close()
    assert problems == []


def loss(page):
    return float(page.inner_text("#loss"))


def wait_for_status(page, words):
    expect(page.locator("#status")).to_contain_text(words)


def test_start_change_train_and_stop(open_page):
    page = open_page()
    page.get_by_label("Units of layer 2").fill("4")
    page.get_by_label("Units of layer 2").press("Tab")
    expect(page.locator(".node")).to_have_count(8 + 4 + 1)
    page.get_by_label("Activation of layer 1").select_option("relu")
    page.get_by_role("button", name="Add a layer").click()
    expect(page.locator(".node")).to_have_count(8 + 4 + 4 + 1)
    wait_for_status(page, "Ready, at epoch 0. Training loss")
    before, drawn = loss(page), page.evaluate("tileprop.drawn")
    page.get_by_role("button", name="Start").click()
    wait_for_status(page, "Training.")
    page.wait_for_function("from => tileprop.drawn >= from + 10 && tileprop.epoch >= 100", arg=drawn)
    page.get_by_role("button", name="Pause").click()
    wait_for_status(page, "Paused at epoch")
    assert loss(page) < 0.5 * before
    epoch = page.inner_text("#epoch")
    page.wait_for_timeout(200)
    assert page.inner_text("#epoch") == epoch
    assert page.locator("#losses canvas").bounding_box()["height"] > 100
    page.get_by_role("button", name="Reset").click()
    wait_for_status(page, "Ready, at epoch 0")
    assert loss(page) == before
    page.get_by_role("button", name="Step one epoch").click()
    expect(page.locator("#epoch")).to_have_text("1")


def test_what_is_drawn_changes_with_the_weights(open_page):
    page = open_page()
    picture = "document.getElementById('plane').toDataURL() + document.querySelector('.node canvas').toDataURL()"
    before = page.evaluate(picture)
    unit = page.get_by_role("button", name="Layer 1, unit 2: show its weights")
    unit.click()
    assert unit.get_attribute("aria-pressed") == "true"
    assert page.locator("#unit-weights th").all_inner_texts() == ["x0", "x1", "Bias"]
    weights = page.inner_text("#unit-weights")
    page.get_by_role("button", name="Step one epoch").click()
    expect(page.locator("#epoch")).to_have_text("1")
    assert page.inner_text("#unit-weights") != weights
    assert page.evaluate(picture) != before


def test_a_document_is_worked_step_by_step_with_the_keyboard(open_page):
    page = open_page()
    page.get_by_label("Data").select_option("document 1")
    wait_for_status(page, "Ready")
    page.wait_for_selector("#part-box:visible")
    assert page.inner_text("#part-title") == "1 of 15: The example"
    assert page.get_by_label("Units of layer 1").is_disabled()
    for _ in range(5):
        page.get_by_role("button", name="Next").press("Enter")
    assert page.inner_text("#part-title") == "6 of 15: The loss"
    assert "0.00042731" in page.inner_text("#part-text")
    page.get_by_role("button", name="Step one epoch").press("Enter")
    expect(page.locator("#epoch")).to_have_text("1")
    page.get_by_role("button", name="Work it through").press("Enter")
    expect(page.locator("#part-epoch")).to_contain_text("epoch 1.")


def test_a_mistake_is_told_and_the_page_goes_on(open_page):
    page = open_page()
    page.get_by_label("Batch size").fill("0")
    page.get_by_label("Batch size").press("Tab")
    assert page.evaluate("!document.getElementById('settings').checkValidity()")
    page.get_by_label("Batch size").fill("20")
    page.get_by_label("Data").select_option("hills")
    page.get_by_label("Optimizer").select_option("sgd")
    page.get_by_label("Learning rate").fill("100")
    page.get_by_label("Activation of layer 1").select_option("relu")
    page.get_by_label("Activation of layer 2").select_option("relu")
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector("#error:visible")
    assert "choose a smaller learning rate, and reset" in page.inner_text("#error")
    page.get_by_label("Learning rate").fill("0.01")
    page.get_by_role("button", name="Reset").click()
    wait_for_status(page, "Ready, at epoch 0")
    assert page.locator("#error").is_hidden()


def test_wide_and_narrow_light_and_dark(open_page):
    page = open_page(1280, "dark")
    for data in ("wave", "digits"):
        page.get_by_label("Data").select_option(data)
        wait_for_status(page, "Ready")
        expect(page.locator("#epoch")).to_have_text("0")
        for width in (1280, 400):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    # Whatever can be used has a name.
    nameless = page.evaluate(
        """[...document.querySelectorAll("button, input, select")].filter((element) =>
           !(element.getAttribute("aria-label") || element.textContent.trim() || element.labels?.length)).length"""
    )
    assert nameless == 0
