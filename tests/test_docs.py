"""The site is built without a warning and has every public name once; a test claims every block of every page."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

import constructs_lib
import constructs_lib.local
import constructs_lib.testing
from tests.cdk import process_environment
from tests.docs_blocks import CLAIMS
from tests.markdown import PAGES, ROOT, blocks_of

if TYPE_CHECKING:
    from pathlib import Path

PUBLIC = {
    f"{module.__name__}.{name}"
    for module in (constructs_lib, constructs_lib.local, constructs_lib.testing)
    for name in module.__all__
}
DIRECTIVE = re.compile(r"^\.\. auto(?:class|data|exception|function):: (.+)$", re.MULTILINE)


@pytest.mark.local
def test_should_build_a_site_without_a_warning(tmp_path: Path) -> None:
    command = ["-m", "sphinx", "--quiet", "--fail-on-warning", "--doctree-dir", str(tmp_path / "trees")]
    done = subprocess.run(
        [sys.executable, *command, str(ROOT / "docs"), str(tmp_path / "site")],
        env=process_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    api = {page.stem: page.read_text() for page in tmp_path.glob("site/api/*.html")}
    shown = {page: re.sub(r"<[^>]+>", "", text) for page, text in api.items()}
    # A construct's own arguments, not those of jsii's metaclass, and their defaults as they are written.
    assert "child_type: StateMachineType = sfn.StateMachineType.EXPRESS" in shown["distributed-map"]
    assert "quotas: Sequence[Quota] = QUOTAS" in shown["quotas"]
    # A property's whole sentence, a constant's own, and a link where a docstring names what is public.
    assert "s local cloud: local_app.cloud.client" in shown["testing"]
    assert "The retries of every Lambda task that these constructs make." in shown["distributed-map"]
    assert '<a class="reference internal" href="#constructs_lib.ObjectSource"' in api["distributed-map"]


def test_should_document_each_public_name_once() -> None:
    text = "\n".join(page.read_text() for page in sorted(ROOT.glob("docs/api/*.rst")))
    documented = Counter(DIRECTIVE.findall(text))
    assert [name for name, times in documented.items() if times > 1] == []
    of_forecast = {name for name in documented if name.startswith("constructs_lib.forecast.")}
    assert documented.keys() - of_forecast == PUBLIC
    # Of the forecast, at least what the pages' own code imports.
    code = "\n".join(block.text for page in PAGES for block in blocks_of(page) if block.language == "python")
    imports = re.findall(r"^from (constructs_lib\.forecast\.\w+) import (.+)$", code, re.MULTILINE)
    assert {f"{module}.{name}" for module, names in imports for name in names.split(", ")} <= of_forecast
    for name in documented:
        module, _, attribute = name.rpartition(".")
        assert hasattr(import_module(module), attribute), name


def test_should_claim_each_block() -> None:
    found = Counter((block.page, block.heading) for page in PAGES for block in blocks_of(page))
    claimed = Counter({(page, heading): len(tests) for page, of in CLAIMS.items() for heading, tests in of.items()})
    assert found - claimed == Counter(), "blocks that no test claims: name the test that runs them in docs_blocks.py"
    assert claimed - found == Counter(), "claims of blocks that are gone"


def test_should_claim_by_tests_that_are_there() -> None:
    claims = {(test, page) for page, of in CLAIMS.items() for tests in of.values() for test in tests}
    for test, page in claims:
        file, _, name = test.partition("::")
        source = (ROOT / file).read_text()
        functions = {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)}
        assert name in functions, test
        assert page.rpartition("/")[2] in source or "PAGES" in source, f"{test} doesn't read {page}"
