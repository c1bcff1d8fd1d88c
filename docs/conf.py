"""The documentation site: `sphinx-build -W -b html docs docs/_build/html`, after `pip install ".[docs]"`."""

import os

# Kernels are then plain functions, whose signatures and docstrings Sphinx reads as it reads any other; nothing is compiled.
os.environ["NUMBA_DISABLE_JIT"] = "1"

from importlib import metadata

project = "tileprop"
author = "The tileprop developers"
copyright = author
release = metadata.version("tileprop")

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.mathjax"]
exclude_patterns = ["_build", "examples"]
templates_path = ["_templates"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# Types stand in the docstrings' sections, in words.
autodoc_typehints = "none"
autodoc_member_order = "groupwise"
numpydoc_show_class_members = False

html_theme = "furo"
html_title = "tileprop"
html_show_sourcelink = False
html_copy_source = False
