"""The site: `python -m sphinx -W -b html docs docs/_build/html`. It reads nothing from the network, and neither do its pages."""

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from docs.generator import api, claims, glossary, mathml  # noqa: E402
from jaxdl import __version__  # noqa: E402

project = "jaxdl"
author = "the jaxdl authors"
release = version = __version__
html_title = f"jaxdl {__version__}"

extensions = ["myst_nb", "sphinx_copybutton"]
exclude_patterns = ["_build", "generator", "**.ipynb_checkpoints", "jupyter_execute"]
source_suffix = {".md": "myst-nb"}
root_doc = "index"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_inline"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
suppress_warnings = ["ref.python"]  # a bare name in a signature, such as Potential, that two modules export
html_math_renderer = "mathml"

nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_timeout = 240
nb_execution_raise_on_error = True
nb_execution_cache_path = str(HERE / "_build" / ".jupyter_cache")
nb_output_stderr = "show"
nb_merge_streams = True

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_show_copyright = False
toc_object_entries_show_parents = "hide"
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

ELSEWHERE = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']https?:|<link\b[^>]*\brel=["']stylesheet[^>]*https?:"""
)


def refuse_the_network(app: Sphinx, exception: Exception | None) -> None:
    """Fail when a page would load a script, a style or a picture from somewhere else."""
    if exception is None and app.builder.format == "html":
        found = [path.name for path in Path(app.outdir).rglob("*.html") if ELSEWHERE.search(path.read_text("utf-8"))]
        if found:
            msg = f"pages: got {found} that load from the network, expected none; ship what they need in docs/_static"
            raise ExtensionError(msg)


def write_pages(app: Sphinx) -> None:
    """Write the pages that follow from the code: the reference, the book of claims, and the glossary."""
    del app
    api.write(HERE / "api")
    claims.write(HERE / "claims")
    glossary.write(HERE)


def setup(app: Sphinx) -> dict[str, bool]:
    """Let generated pages be written first, and formulas be drawn by the browser itself."""
    mathml.setup(app)
    app.connect("builder-inited", write_pages)
    app.connect("build-finished", refuse_the_network)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
