"""The site that `make docs` builds: the README, the pages of this folder, and the public API from its docstrings."""  # noqa: INP001 - Sphinx reads it by its path

import inspect
import re
import sys
from enum import EnumType
from importlib.metadata import version as version_of
from pathlib import Path

from constructs import Construct
from sphinx.application import Sphinx
from sphinx.errors import PycodeError
from sphinx.ext.autodoc.preserve_defaults import update_default_value
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.inspect import stringify_signature

import constructs_lib
import constructs_lib.local
import constructs_lib.testing

project = "Step Functions at scale"
release = version_of("step-functions-at-scale")
html_title = f"{project} {release}"
html_theme = "furo"
html_copy_source = False
html_show_copyright = False

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
highlight_language = "text"
rst_prolog = ".. highlight:: python\n"

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_preserve_defaults = True
maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"
napoleon_numpy_docstring = False

PUBLIC = {
    name: f"{module.__name__}.{name}"
    for module in (constructs_lib, constructs_lib.testing, constructs_lib.local)
    for name in module.__all__
}
# Where the site has what the links of the README and its neighbours lead to.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "docs/adr": "adr/index.md",
}
LINK = re.compile(r"(?<=\]\()(?!https?:|#)[^)#]+")


def document_constant(_app: Sphinx, what: str, name: str, value: object, _options: object, lines: list[str]) -> None:
    """Take a constant's docstring from the module that defines it; from another, Sphinx has that of its type."""
    if what == "data":
        attribute = name.rpartition(".")[2]
        homes = [home for home, module in sys.modules.items() if vars(module).get(attribute) is value]
        found = (ModuleAnalyzer.for_module(home).find_attr_docs().get(("", attribute)) for home in homes)
        lines[:] = next(filter(None, found), lines)


def sign_class(
    _app: Sphinx, what: str, _name: str, value: object, _options: object, signature: str, returned: str
) -> tuple[str, str]:
    """Show a construct's own arguments in the place of those of its metaclass, jsii's; and none of an enumeration."""
    if what == "class" and isinstance(value, EnumType):
        return "", ""
    if what == "class" and isinstance(value, type(Construct)):
        update_default_value(value.__init__, bound_method=False)
        _, *arguments = inspect.signature(value.__init__).parameters.values()
        signature = stringify_signature(inspect.Signature(arguments), unqualified_typehints=True)
    return signature, returned


def keep_sentence(_app: Sphinx, what: str, _name: str, _value: object, _options: object, lines: list[str]) -> None:
    """Begin with an empty comment, or napoleon takes what stands before a property's first colon for its type."""
    if what in {"attribute", "data", "property"}:
        lines[:0] = ["..", ""]


def link_names(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Make a docstring's `code`, which is written as in Markdown, reST's; and a link, where it is a public name."""

    def role(found: re.Match[str]) -> str:
        code, letter_follows = found.groups()
        text = f":py:obj:`{code} <{PUBLIC[code]}>`" if code in PUBLIC else f"``{code}``"
        return text if letter_follows is None else f"{text}\\ "

    lines[:] = re.sub(r"(?<!`)`([^`]+)`(?!`)(?=(\w)?)", role, "\n".join(lines)).split("\n")


def link_from_above(_app: Sphinx, path: Path, _parent: str, text: list[str]) -> None:
    """Let links of a file of the checkout's root, which they start from, lead there from this folder."""

    def moved(found: re.Match[str]) -> str:
        link = found[0]
        return PAGES.get(link) or (link.removeprefix("docs/") if link.startswith("docs/") else f"../{link}")

    if path.parent == Path(".."):
        text[0] = LINK.sub(moved, text[0])


def link_to_above(_app: Sphinx, _page: str, text: list[str]) -> None:
    """Let links to a file of the checkout's root lead to the page that has it."""
    text[0] = LINK.sub(lambda found: PAGES.get(found[0].removeprefix("../"), found[0]), text[0])


def leave_out_cdk(_app: Sphinx) -> None:
    """Parse none of CDK's modules for what is inherited: it isn't shown, and would take a third of the time."""
    for name in constructs_lib.__all__:
        getattr(constructs_lib, name)
    for name in sys.modules:
        if name.partition(".")[0] == "aws_cdk":
            ModuleAnalyzer.cache["module", name] = PycodeError(f"{name} is left out")


def setup(app: Sphinx) -> None:
    """Connect them."""
    app.connect("builder-inited", leave_out_cdk)
    app.connect("autodoc-process-signature", sign_class)
    app.connect("autodoc-process-docstring", document_constant)
    app.connect("autodoc-process-docstring", keep_sentence, priority=400)
    app.connect("autodoc-process-docstring", link_names)
    app.connect("include-read", link_from_above)
    app.connect("source-read", link_to_above)
