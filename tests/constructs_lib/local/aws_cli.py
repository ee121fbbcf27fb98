"""The AWS CLI's `aws SERVICE OPERATION --option value …`, as far as the runbook uses it, by botocore's own models.

The configuration (profiles, endpoint, certificate) is the CLI's: AWS_CONFIG_FILE, AWS_ENDPOINT_URL, AWS_CA_BUNDLE. With
CHECK_ONLY set, a command is compared with the model of its operation and not sent; it prints `checked`.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import jmespath  # type: ignore[import-untyped]
from botocore import xform_name
from botocore.session import Session
from botocore.validate import ParamValidator

if TYPE_CHECKING:
    from botocore.model import Shape

# Of the CLI itself, not of an operation.
GLOBAL = ("profile", "query", "output", "max-items")


def options(words: list[str]) -> dict[str, list[str]]:
    """Each option with the words that follow it."""
    found: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            values = found[word[2:]] = []
        else:
            values.append(word)
    return found


def value(shape: Shape, words: list[str]) -> Any:
    """The words as the shape has them; a structure is written as `Key=value,Key=value`."""
    if shape.type_name == "list":
        return [value(shape.member, [word]) for word in words]  # type: ignore[attr-defined]
    if shape.type_name == "boolean":
        return True
    (word,) = words
    if shape.type_name in {"double", "integer"}:
        return float(word) if shape.type_name == "double" else int(word)
    if shape.type_name == "structure":
        return dict(pair.split("=", 1) for pair in word.split(","))
    return word


def text(found: Any) -> str:
    """As `--output text` prints it: a line a list, its items apart by tabs."""
    if not isinstance(found, list):
        return str(found)
    if any(isinstance(item, list) for item in found):
        return "\n".join(text(item) for item in found)
    return "\t".join(map(str, found))


def main() -> None:
    service, operation, *words = sys.argv[1:]
    given = options(words)
    session = Session(profile=given.get("profile", [None])[0])
    model = session.get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    operation_model = model.operation_model(names[operation])
    shape = operation_model.input_shape
    assert shape is not None
    members = {xform_name(name, "-"): name for name in shape.members}
    parameters = {
        members[option]: value(shape.members[members[option]], words)
        for option, words in given.items()
        if option not in GLOBAL
    }
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        sys.exit(report.generate_report())
    expression = jmespath.compile(given["query"][0]) if "query" in given else None
    if "CHECK_ONLY" in os.environ:
        print("checked")
        return
    client = session.create_client(service)
    method = operation.replace("-", "_")
    if client.can_paginate(method):
        answer = client.get_paginator(method).paginate(**parameters).build_full_result()
    else:
        answer = getattr(client, method)(**parameters)
        answer.pop("ResponseMetadata")
    if answer:
        found = answer if expression is None else expression.search(answer)
        print(text(found) if given.get("output") == ["text"] else json.dumps(found, indent=4, default=str))


main()
