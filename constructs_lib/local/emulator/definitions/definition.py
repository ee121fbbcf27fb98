"""A definition checked, and made ready for moto's interpreter.

moto's grammar lacks parts of a Distributed Map (EXPRESS children, whole numbers as percentage, batches with their
input, the writer's configuration). They are taken out of the text that moto parses and kept aside in a `MapSpec`, from
which our own Map Run works (`map_runs`); a placeholder stays where the interpreter's behaviour depends on a
field's presence.
"""

import copy
import functools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_selector import ItemSelector
from moto.stepfunctions.parser.asl.eval import variable_store
from moto.stepfunctions.parser.asl.parse import preprocessor
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser, ASLParserException
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from constructs_lib.local.emulator.definitions.check import check_definition
from constructs_lib.local.emulator.definitions.fields import language_of
from constructs_lib.local.emulator.definitions.map_fields import LIST_OBJECTS, is_distributed, processor_config
from constructs_lib.local.emulator.definitions.place import JSONATA, JSONPATH, Problem
from constructs_lib.local.emulator.patches import replace, require

# Marks what is a field's, among what is a string that looks like it.
_FIELD = "\ue000"
# The one field of an object that stands for its value.
VALUE = "\ue001"
_KEYWORDS = re.compile(r'"(ErrorPath|CausePath|JSONPath|JSONata)"')
_KEPT_ASIDE = ("ItemReader", "ItemBatcher", "ItemSelector", "Parameters", "ResultWriter")


class InvalidDefinitionError(ValueError):
    """The definition can't be created; the message is that of Step Functions' `InvalidDefinition`.

    Args:
        problems: each says where and why.

    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"Invalid State Machine Definition: '{', '.join(map(str, problems))}'")
        self.problems = tuple(problems)


@dataclass(frozen=True)
class MapSpec:
    """What a DISTRIBUTED Map state says, as it was written (not evaluated).

    Args:
        query_language: JSONata or JSONPath.
        execution_type: STANDARD or EXPRESS children.
        tolerates_count: the state names a tolerated count.
        tolerates_percentage: the state names a tolerated percentage.
        fields: `ItemReader`, `ItemBatcher`, `ItemSelector`, `Parameters` and `ResultWriter`, those that are there.

    """

    query_language: str
    execution_type: str
    tolerates_count: bool
    tolerates_percentage: bool
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Definition:
    """A parsed state machine.

    Args:
        program: moto's; it keeps no state of an execution, so that many may run it.
        query_language: of the machine.
        maps: the DISTRIBUTED Map states by name (state names are unique in a machine).
        text: as it was written.

    """

    program: Any
    query_language: str
    maps: dict[str, MapSpec]
    text: str

    def location_of(self, state_name: str, expression: str) -> str | None:
        """Where a JSONata expression stands in a state, `Arguments/FunctionName` say; None when it doesn't."""
        states = _states_of(json.loads(self.text), self.query_language)
        state = next((state for name, state, _ in states if name == state_name), None)
        return next(_places(state, expression, ""), None)


def _places(value: Any, expression: str, place: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, element in value.items():
            yield from _places(element, expression, f"{place}/{key}" if place else key)
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _places(element, expression, f"{place}[{index}]")
    elif isinstance(value, str) and value.startswith("{%") and value[2:-2].strip() == expression:
        yield place


def _states_of(machine: dict[str, Any], machine_language: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Each state of a machine, branches and processors included: its name, itself, its query language.

    A state in a branch or processor that names no language has the machine's, not that of the state around it.
    """
    for name, state in machine["States"].items():
        yield name, state, language_of(state, machine_language)
        for branch in state.get("Branches", []):
            yield from _states_of(branch, machine_language)
        for processor in ("ItemProcessor", "Iterator"):
            if processor in state:
                yield from _states_of(state[processor], machine_language)


def compile_definition(text: str, machine_type: str = "STANDARD") -> Definition:
    """Check and parse a definition.

    Args:
        text: the definition's JSON.
        machine_type: STANDARD or EXPRESS, which can do less.

    Raises:
        InvalidDefinitionError: Step Functions would refuse it, or the local cloud can't run it.

    """
    if problems := check_definition(text, machine_type):
        raise InvalidDefinitionError(problems)
    return _parse(text)


@functools.lru_cache(maxsize=512)
def _parse(text: str) -> Definition:
    definition = json.loads(text)
    language = language_of(definition, JSONPATH)
    try:
        maps = dict(_keep_aside(definition, language))
        program = AmazonStateLanguageParser.parse(_in_motos_grammar(definition, language))[0]
    except Exception as error:
        # What the check lets pass and moto's grammar doesn't have: whatever moto raises, it can't run here.
        reason = "; ".join(error.errors) if isinstance(error, ASLParserException) else str(error)
        message = f"the local cloud can't read the definition: {reason}"
        raise InvalidDefinitionError([Problem("SCHEMA_VALIDATION_FAILED", message, None)]) from error
    return Definition(program, language, maps, text)


def _in_motos_grammar(definition: dict[str, Any], language: str) -> str:
    """A definition's text, where moto's grammar is narrower than the States Language."""
    for _, state, _ in _states_of(definition, language):
        if state["Type"] == "Map":
            processor = state["ItemProcessor"] if "ItemProcessor" in state else state["Iterator"]
            if processor.get("ProcessorConfig") == {}:
                del processor["ProcessorConfig"]
            if isinstance(state.get("ItemSelector"), str):
                state["ItemSelector"] = {VALUE: state["ItemSelector"]}
            if isinstance(state.get("Items"), dict):
                state["Items"] = [{VALUE: state["Items"]}]
            percentage = state.get("ToleratedFailurePercentage")
            if isinstance(percentage, int):
                state["ToleratedFailurePercentage"] = float(percentage)
        if state["Type"] == "Fail":
            for name in ("ErrorPath", "CausePath"):
                if name in state:
                    state[_FIELD + name] = state.pop(name)
        if state.get("End") is False:
            del state["End"]
        if "QueryLanguage" in state:
            state["QueryLanguage"] = _FIELD + state["QueryLanguage"]
    if "QueryLanguage" in definition:
        definition["QueryLanguage"] = _FIELD + definition["QueryLanguage"]
    return _as_strings(json.dumps(definition))


def _as_strings(text: str) -> str:
    """Let words that are moto's keywords wherever they stand be strings where they aren't marked as a field's."""
    escaped = _KEYWORDS.sub(lambda found: f'"\\u{ord(found[1][0]):04x}{found[1][1:]}"', text)
    return escaped.replace(json.dumps(_FIELD)[1:-1], "")


def _keep_aside(definition: dict[str, Any], language: str) -> list[tuple[str, MapSpec]]:
    specs = []
    for name, state, query_language in _states_of(definition, language):
        if not is_distributed(state):
            continue
        config = processor_config(state)
        kept = {key: state.pop(key) for key in _KEPT_ASIDE if key in state}
        if query_language == JSONATA:
            # Parsed for its expressions' mistakes: what is kept aside, moto doesn't see.
            Template(query_language, kept)
        specs.append(
            (
                name,
                MapSpec(
                    query_language=query_language,
                    execution_type=config.get("ExecutionType", "STANDARD"),
                    tolerates_count=any(key.startswith("ToleratedFailureCount") for key in state),
                    tolerates_percentage=any(key.startswith("ToleratedFailurePercentage") for key in state),
                    fields=copy.deepcopy(kept),
                ),
            )
        )
        if "ExecutionType" in config:
            config["ExecutionType"] = "STANDARD"
        if "ItemReader" in kept:
            # With a reader the interpreter neither evaluates Items nor asks the input for an array.
            state["ItemReader"] = {"Resource": LIST_OBJECTS}
    return specs


@functools.lru_cache(maxsize=512)
def _parse_template(query_language: str, field_name: str, text: str) -> Any:
    arguments = "Arguments" if query_language == JSONATA else "Parameters"
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "End": True,
        arguments: {field_name: json.loads(text)},
    }
    machine = {"QueryLanguage": _FIELD + query_language, "StartAt": "template", "States": {"template": state}}
    return AmazonStateLanguageParser.parse(_as_strings(json.dumps(machine)))[0].states.states["template"].parargs


def _string_of(parser_rule_context: Any) -> str | None:
    """In the place of moto's `Preprocessor._inner_string_of`, which leaves JSON's escapes in the string."""
    text: str | None = _original_string_of(parser_rule_context)
    quoted = parser_rule_context.getText()
    if text is None or not (quoted.startswith('"') and quoted.endswith('"')):
        return text
    decoded: str = json.loads(quoted, strict=False)
    return decoded


def _assigned_variables(self: Any) -> dict[str, str]:
    """In the place of moto's `VariableStore.get_assigned_variables`, which counts on the escapes."""
    return {name: to_json_str(self.get(name), separators=(",", ":")) for name in self._declaration_tracing}


def _make_preprocessor(self: Any) -> None:
    """In the place of moto's `Preprocessor.__init__`.

    moto keeps the query language of the state that it reads in the class: one refused definition would be read on in
    the next.
    """
    _original_make_preprocessor(self)
    self._query_language_per_scope = []


def _open_language(self: Any, tree: Any) -> None:
    """In the place of moto's `Preprocessor._open_query_language_scope`.

    moto gives a state in a branch or processor the language of the state around it; on AWS it has the machine's.
    """
    opened = self._query_language_per_scope
    inherited = opened[:1]
    opened.extend(inherited)
    _original_open_language(self, tree)
    if inherited:
        del opened[-2]


def _select_item(self: Any, env: Any) -> None:
    """In the place of moto's `ItemSelector._eval_body`: evaluates a selector that is one expression, too."""
    self.template_value_object.eval(env=env)
    selected = env.stack[-1]
    if selected.keys() == {VALUE}:
        env.stack[-1] = selected[VALUE]


_original_open_language: Any = preprocessor.Preprocessor._open_query_language_scope
_original_make_preprocessor: Any = preprocessor.Preprocessor.__init__
_original_string_of: Any = preprocessor.Preprocessor._inner_string_of


def install() -> None:
    """Read each definition by itself, and its strings as JSON has them."""
    require(preprocessor.Preprocessor, "_query_language_per_scope")
    replace(preprocessor.Preprocessor, "__init__", _make_preprocessor)
    replace(preprocessor.Preprocessor, "_open_query_language_scope", _open_language)
    replace(preprocessor.Preprocessor, "_inner_string_of", staticmethod(_string_of))
    replace(ItemSelector, "_eval_body", _select_item)
    replace(variable_store.VariableStore, "get_assigned_variables", _assigned_variables)


class Template:
    """Any JSON with `{% … %}` or `name.$` in it, evaluated by the interpreter's own evaluator.

    Args:
        query_language: JSONata or JSONPath.
        value: the template.
        is_path: `value` is a path, as in a field whose name ends in `Path`.

    """

    def __init__(self, query_language: str, value: Any, *, is_path: bool = False) -> None:
        name = "value.$" if is_path else "value"
        self._parsed = _parse_template(query_language, name, json.dumps(value))

    def evaluate(self, env: Any) -> Any:
        """The value in the current state of `env`, moto's environment.

        Raises:
            FailureEventException: moto's; the evaluation failed.

        """
        self._parsed.eval(env)
        return env.stack.pop()["value"]


def evaluate_field(env: Any, query_language: str, holder: dict[str, Any], name: str) -> Any:
    """The value of `name`, or of the path in `<name>Path`; None when `holder` has neither."""
    if f"{name}Path" in holder:
        return Template(query_language, holder[f"{name}Path"], is_path=True).evaluate(env)
    if name not in holder:
        return None
    return Template(query_language, holder[name]).evaluate(env)
