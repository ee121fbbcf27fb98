"""What is known by programs for Node only: a script's answer, and what asl-validator says of a definition."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]

# Each line is a script and its data; so is what it answers, or the error that it ends in.
SERVER = """
const AsyncFunction = (async () => {}).constructor;
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const { script, data } = JSON.parse(line);
    new AsyncFunction('data', 'require', script)(data, require).then(
        (answer) => console.log(JSON.stringify({ answer })),
        (error) => console.log(JSON.stringify({ error: String(error && error.stack) })),
    );
});
"""


@cache
def _server() -> subprocess.Popen[str]:
    """Node, once a session: it and asl-validator take a second to start. It ends with its input, which ends with us."""
    node = ROOT / ".venv/bin/node"
    command = [str(node) if node.exists() else str(shutil.which("node")), "-e", SERVER]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def in_node(script: str, data: object) -> Any:
    """What the body of an async function of `data` returns, in Node."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps({"script": script, "data": data}) + "\n")
    server.stdin.flush()
    answer = json.loads(server.stdout.readline())
    assert "error" not in answer, answer["error"]
    return answer["answer"]


def validate(definitions: Sequence[dict[str, Any]]) -> list[str]:
    """asl-validator's errors for each definition."""
    if not (ROOT / "node_modules/asl-validator").is_dir():
        pytest.fail("asl-validator is missing: run the tests by `make test`")
    script = """
        const validate = require('asl-validator');
        return data.map((one) => validate(one)).map((one) => (one.isValid ? '' : one.errorsText(' ') || '?'));
    """
    errors: list[str] = in_node(script, definitions)
    return errors
