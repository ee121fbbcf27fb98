"""Which of a user's states speak JSONPath: CDK puts them into a JSONata machine, and Step Functions refuses it.

CDK doesn't hand the machine's language on to states inside a map: there `tasks.LambdaInvoke(…)` renders `Parameters`
where `tasks.LambdaInvoke.jsonata(…)` renders `Arguments`. Which fields are whose:
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aws_cdk import aws_stepfunctions as sfn

from constructs_lib._states import every_state

_JSONPATH_FIELDS = {"Parameters", "Result", "ResultSelector", "Variable"}
# Names in these are the user's own: a name that ends in ".$" is JSONPath, any other says nothing.
_NAMED_BY_USER = {"Assign", "BatchInput", "ItemSelector"}
# In JSONata states only; what is in them is a service's, or data.
_FREE = {"Arguments", "Items", "Output"}


def jsonpath_in_processor(map_state: sfn.State) -> str | None:
    """Return the first JSONPath state inside a map, in words; None when there is none."""
    rendered: Mapping[str, Any] = map_state.to_state_json(sfn.QueryLanguage.JSONATA)
    return next(_in_states(rendered["ItemProcessor"]["States"]), None)


def jsonpath_in_chain(start: sfn.State) -> str | None:
    """Return the first JSONPath state from `start` on, in words; None when there is none.

    The branches of a Parallel state aren't seen: CDK renders them with the whole machine only.
    """
    return next(_in_states(_rendered(sfn.State.find_reachable_states(start, include_error_handlers=True))), None)


def _rendered(states: Iterable[sfn.State]) -> dict[str, Any]:
    rendered = {}
    for state in states:
        try:
            rendered[state.state_id] = state.to_state_json(sfn.QueryLanguage.JSONATA)
        except RuntimeError as error:
            # CDK does refuse a state that asks for JSONPath by name, when it is rendered as part of such a machine.
            if "queryLanguage" not in str(error):
                raise
            rendered[state.state_id] = {"QueryLanguage": "JSONPath"}
    return rendered


def _in_states(states: Mapping[str, Any]) -> Iterator[str]:
    for name, state, _ in every_state(states):
        if state.get("QueryLanguage") == "JSONPath":
            yield f"the state {name!r} in JSONPath"
        yield from (f"the state {name!r} with the JSONPath field {field}" for field in _jsonpath_fields(state))


def _jsonpath_fields(value: Any, *, own_names: bool = False) -> Iterator[str]:
    """Yield the fields of one state, the states inside it left out."""
    if isinstance(value, list):
        for item in value:
            yield from _jsonpath_fields(item, own_names=own_names)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name.endswith(".$") or (not own_names and (name in _JSONPATH_FIELDS or name.endswith("Path"))):
                yield name
            elif name not in _FREE | {"ItemProcessor", "Iterator", "Branches"} or own_names:
                yield from _jsonpath_fields(item, own_names=own_names or name in _NAMED_BY_USER)
