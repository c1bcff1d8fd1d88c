"""The whole page: head, sections, foot, in one file that loads nothing else."""

from __future__ import annotations

import re
from os import PathLike

from ...writing import write_whole
from .content import PageContent
from .markup import text
from .predictions import predictions
from .sections import command, importance, reading, settings, summary, training, worst
from .style import CSS

SECTIONS = (summary, reading, training, predictions, importance, worst, settings, command)


def write_page(path: str | PathLike[str], content: PageContent) -> None:
    """Write a page, whole or not at all. Needs scikit-learn and matplotlib."""
    write_whole(path, page(content).encode("utf-8"))


def page(content: PageContent) -> str:
    """The HTML of a page."""
    sections = [html for html in (make(content) for make in SECTIONS) if html]
    titles = [re.search(r'<section id="(\w+)".*?<h2[^>]*>(.*?)</h2>', html, re.DOTALL) for html in sections]
    links = " ".join(f'<a href="#{title[1]}">{title[2]}</a>' for title in titles if title)
    title = text(content.title)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="tileprop">
<title>{title}</title>
<style>{CSS}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<nav aria-label="Sections">{links}</nav>
</header>
<main>
{chr(10).join(sections)}
</main>
<footer>Written by tileprop. This page loads nothing from the network.</footer>
</body>
</html>
"""
