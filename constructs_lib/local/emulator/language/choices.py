"""Choice states: what a rule can't compare, and what none of the rules matches.

moto takes a path to nothing for a rule that doesn't match, so that the execution goes on to the Default; it lets
Python's own errors out, and it swaps the two sides of a comparison with a variable.
"""

from typing import Any

from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison import ConditionStringJSONata
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_func import (
    ComparisonFuncStringVariableSample,
    ComparisonFuncValue,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_operator_type import (
    ComparisonOperatorType,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_variable import ComparisonVariable
from moto.stepfunctions.parser.asl.component.state.choice.comparison.variable import NoSuchVariable
from moto.stepfunctions.parser.asl.component.state.choice.state_choice import StateChoice
from moto.stepfunctions.parser.asl.utils.json_path import NoSuchJsonPathError

from constructs_lib.local.emulator.language.jsonata import fail_type
from constructs_lib.local.emulator.language.state_failures import fail_at_run_time
from constructs_lib.local.emulator.patches import replace, require


def _choose(self: Any, env: Any) -> None:
    """In the place of moto's `StateChoice._eval_state`."""
    for rule in self.choices_decl.rules:
        rule.eval(env)
        if env.stack.pop() is True:
            env.stack.append(rule.next_stmt.name)
            return
    if self.default_state is None:
        # Not `States.NoChoiceMatched`, which is what the specification says. Users of AWS report this.
        fail_at_run_time(env, "Failed to transition out of the state. The state does not point to a next state.")
    env.stack.append(self.default_state.state_name)


def _compare(self: Any, env: Any) -> None:
    """In the place of moto's `ComparisonVariable._eval_body`: values of different types don't match."""
    self.variable.eval(env)
    compared = env.stack[-1]
    if isinstance(compared, NoSuchVariable) and self.comparison_function.operator_type != _IS_PRESENT:
        _fail_path(env, self.variable.string_sampler.literal_value)
    depth = len(env.stack)
    try:
        self.comparison_function.eval(env)
    except NoSuchJsonPathError as error:
        _fail_path(env, error.json_path)
    except TypeError:
        # Nothing that the comparison took from the stack, or left there, is of use to others.
        del env.stack[depth - 1 :]
        env.stack.append(False)


def _fail_path(env: Any, path: str) -> None:
    # The sentence is the one that users of AWS report.
    fail_at_run_time(env, f"Invalid path '{path}': The choice state's condition path references an invalid value.")


def _compare_with_variable(self: Any, env: Any) -> None:
    """In the place of moto's `ComparisonFuncStringVariableSample._eval_body`.

    An operator takes the compared value from the top, and finds what it is compared with below it.
    """
    compared = env.stack.pop()
    self.string_variable_sample.eval(env=env)
    env.stack.append(compared)
    ComparisonFuncValue._eval_body(self, env)
    del env.stack[-2]


def _evaluate_condition(self: Any, env: Any) -> None:
    """In the place of moto's `ConditionStringJSONata._eval_body`."""
    self.string_jsonata.eval(env=env)
    if not isinstance(env.stack[-1], bool):
        fail_type(env, self.string_jsonata.literal_value, "boolean", env.stack[-1])


_IS_PRESENT = ComparisonOperatorType.IsPresent


def install() -> None:
    """Choose here."""
    require(NoSuchVariable, "__init__")
    replace(StateChoice, "_eval_state", _choose)
    replace(ComparisonVariable, "_eval_body", _compare)
    replace(ComparisonFuncStringVariableSample, "_eval_body", _compare_with_variable)
    replace(ConditionStringJSONata, "_eval_body", _evaluate_condition)
