"""The page as a parser of HTML sees it: whole, escaped, with nothing from elsewhere, and with what the content says."""

import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from tileprop.trainer import InputError
from tileprop.trainer.runs.curves import Curves
from tileprop.trainer.runs.page.content import Column, HeldOut, Metric, PageContent
from tileprop.trainer.runs.page.document import page, write_page

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

pytestmark = pytest.mark.plain
VOID = {"meta", "br", "hr", "img", "link", "input"}
KINDS = ("binary", "digits", "many classes", "regression", "two targets", "multilabel")


class Parsed(HTMLParser):
    """Elements with their attributes, and texts by the element that they stand in."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append((self.open[-1] if self.open else "", data))

    def attributes(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def within(self, tag):
        return [text for name, text in self.texts if name == tag]


@pytest.fixture(params=KINDS)
def html(pages, request):
    return pages[request.param]


def test_every_element_is_closed(html):
    assert html.startswith("<!DOCTYPE html>")
    assert Parsed(html).open == []


def test_nothing_is_loaded_from_elsewhere(html):
    parsed = Parsed(html)
    for tag, attributes in parsed.elements:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base")
        for name in ("src", "href", "xlink:href", "srcset", "action", "data", "background"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,")), (tag, name)
        assert not any(name.startswith("on") for name in attributes)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", html))
    assert "@import" not in html


def test_names_are_escaped(html):
    assert "<script" not in html.lower()
    assert "\x07" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "a &amp; b" in html
    assert "_under\\x07" in html
    assert "größe 日本" in html


def test_it_has_a_language_landmarks_and_headings(html):
    parsed = Parsed(html)
    assert parsed.attributes("html") == [{"lang": "en"}]
    tags = [tag for tag, _ in parsed.elements]
    assert [tags.count(tag) for tag in ("header", "nav", "main", "footer", "h1", "title")] == [1] * 6
    titles = {attributes["id"] for attributes in parsed.attributes("h2")}
    sections = parsed.attributes("section")
    assert {section["aria-labelledby"] for section in sections} == titles
    assert {link["href"] for link in parsed.attributes("a")} == {f"#{section['id']}" for section in sections}
    assert parsed.within("h2") == [
        *("Summary", "How the data were read", "Training curves", "Predictions", "Importance of the columns"),
        *("Worst rows", "Settings and versions", "Repeat this run"),
    ]


def test_pictures_have_descriptions_and_captions(html):
    parsed = Parsed(html)
    charts = parsed.attributes("svg")
    assert charts
    assert all(chart["role"] == "img" and len(chart["aria-label"]) > 20 for chart in charts)
    assert len(parsed.attributes("figure")) == len(parsed.attributes("figcaption")) == len(charts)
    assert len({chart["aria-label"] for chart in charts}) == len(charts)


def test_ids_are_given_once_and_references_lead_somewhere(html):
    ids = [attributes["id"] for _, attributes in Parsed(html).elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]*)\)", html)) <= set(ids)
    assert set(re.findall(r'href="#([^"]*)"', html)) <= set(ids)


def test_every_table_scrolls_by_itself_and_has_headers(html):
    parsed = Parsed(html)
    assert html.count("<table") == len(
        re.findall(r'<div class="box[^"]*" role="region" tabindex="0" aria-label="[^"]+"><table', html)
    )
    assert all(header.get("scope") in ("col", "row") for header in parsed.attributes("th"))


def test_colours_follow_the_scheme(html):
    svg = "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert "var(--blue)" in svg
    assert "currentColor" in svg
    assert "#0072b2" not in svg.lower()
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_two_classes(pages, contents):
    html, held_out = pages["binary"], contents["binary"].held_out
    assert "ROC curve; area under the curve of &lt;script" in html
    assert "Calibration: share of rows by predicted probability" in html
    right = [int(n) for n in re.findall(r'<td class="right"[^>]*>([\d,]+)', html)]
    predicted = held_out.predictions.argmax(axis=1)
    assert right == [int(((predicted == k) & (held_out.truth == k)).sum()) for k in range(2)]


def test_ten_classes(pages):
    html = pages["digits"]
    assert len(re.findall(r'<td class="(?:right|wrong|none)"', html)) == 100
    assert "ROC" not in html
    assert "how often the likeliest class is the true one" in html


def test_many_classes_have_a_list_of_confusions(pages):
    html = pages["many classes"]
    assert '<td class="right"' not in html
    assert "The largest confusions of 30 classes" in html


def test_regression(pages):
    parsed = Parsed(pages["two targets"])
    labels = [chart["aria-label"] for chart in parsed.attributes("svg")]
    assert any("predicted against true price of 400 held-out rows" in label for label in labels)
    assert any("predicted against true area" in label for label in labels)
    assert "RMSE" in parsed.within("th")


def test_labels(pages):
    html = pages["multilabel"]
    assert "Scores by label" in html
    assert "area under the curve of red" in html
    assert "area under the curve of blue" in html


def test_headlines_are_held_out_scores_beside_the_baseline(pages):
    cards = re.findall(r"<li><span>(.*?)</span><strong>(.*?)</strong>(?:<span>(.*?)</span>)?</li>", pages["digits"])
    assert cards[0] == ("accuracy, held-out", "0.96", "the largest class: 0.5")
    assert cards[1] == ("log loss, held-out", "0.3", "")
    assert cards[2][0].endswith(", training")


def test_the_worst_rows_have_truth_prediction_and_loss(pages, contents):
    held_out = contents["digits"].held_out
    rows = re.findall(r'<th scope="row">(12|7)</th><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td>', pages["digits"])
    assert [row[0] for row in rows] == ["12", "7"]
    for row, position in zip(rows, (3, 1), strict=True):
        P, truth = held_out.predictions[position], held_out.truth[position]
        assert row[1:] == (str(truth), f"{P.argmax()} ({100 * P.max():.3g}%)", f"{-np.log(P[truth]):.4g}")
    assert "8 more columns are not shown" in pages["digits"]


def test_the_importance_is_shown_as_bars(pages):
    bars = re.findall(r'class="bar"><span style="width:([\d.]+)%">', pages["digits"])
    assert len(bars) == 20
    assert (bars[0], bars[-1]) == ("100.0", "0.0")
    assert "The first 20 of 25 columns are shown" in pages["digits"]


def test_what_is_missing_is_left_out():
    html = page(PageContent("t", "regression", "tileprop train x.csv --target y", ("y",)))
    assert Parsed(html).within("h2") == ["Repeat this run"]
    only = PageContent("t", "regression", "", ("y",), metrics=(Metric("RMSE"),), curves=Curves([], "loss"))
    assert Parsed(page(only)).within("h2") == ["Summary"]


def test_thousands_of_columns_are_the_first_200():
    columns = tuple(Column(f"c{i}", "number", "standardised") for i in range(5000))
    html = page(PageContent("t", "regression", "", ("y",), columns=columns))
    assert "c199<" in html
    assert "c200<" not in html
    assert "And 4,800 more columns." in html


def test_one_class_among_the_held_out_rows():
    held_out = HeldOut(np.zeros(5, int), np.full((5, 2), 0.5))
    html = page(PageContent("t", "classification", "", ("y",), ("no", "yes"), held_out=held_out))
    assert "ROC" not in html
    assert "Calibration" in html


def test_predictions_that_are_all_the_same():
    held_out = HeldOut(np.ones(5), np.ones((5, 1)))
    with pytest.raises(InputError, match=r"held_out\.truth has shape"):
        PageContent("t", "regression", "", ("y", "z"), held_out=dataclasses.replace(held_out, predictions=np.ones((5, 2))))
    assert "Predicted against true y" in page(PageContent("t", "regression", "", ("y",), held_out=held_out))


def test_thousands_of_dots_become_a_bitmap():
    truth = np.random.default_rng(0).normal(size=20_000)
    html = page(PageContent("t", "regression", "", ("y",), held_out=HeldOut(truth, truth + 1)))
    assert "data:image/png;base64," in html
    assert len(html) < 400_000


def test_write_page(tmp_path):
    content = PageContent("größe \udc80", "regression", "", ("y",))
    write_page(tmp_path / "report.html", content)
    assert (tmp_path / "report.html").read_text("utf-8") == page(content)
    assert "größe \\udc80" in page(content)
