"""The documentation as a site: ``make docs`` writes it to build/docs."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "site"))

project = "Klarity"
version = release = version_of("klarity")

extensions = ["myst_parser", "sphinx_click", "pages"]
exclude_patterns = ["site"]
nitpicky = True
default_role = "code"
myst_enable_extensions = ["html_image"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = "Klarity"
templates_path = ["site/templates"]
html_static_path = ["site/static"]
html_css_files = ["klarity.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
