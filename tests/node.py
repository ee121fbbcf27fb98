"""What is known by programs for Node only: a script's answer, and what asl-validator says of a definition."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]


def in_node(script: str, data: object) -> Any:
    """What the script's `answer(data)` resolves to, in Node."""
    node = ROOT / ".venv/bin/node"
    program = f"""
        const data = JSON.parse(require('fs').readFileSync(0, 'utf8'));
        const answer = async (data) => {{ {script} }};
        answer(data).then((value) => console.log(JSON.stringify(value)));
    """
    done = subprocess.run(
        [str(node) if node.exists() else str(shutil.which("node")), "-e", program],
        input=json.dumps(data),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def validate(definitions: Sequence[dict[str, Any]]) -> list[str]:
    """asl-validator's errors for each definition, all in one Node process."""
    if not (ROOT / "node_modules/asl-validator").is_dir():
        pytest.fail("asl-validator is missing: run the tests by `make test`")
    script = """
        const validate = require('asl-validator');
        return data.map((one) => validate(one)).map((one) => (one.isValid ? '' : one.errorsText(' ') || '?'));
    """
    errors: list[str] = in_node(script, definitions)
    return errors
