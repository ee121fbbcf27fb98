"""When a variable has its new value: from the next state on.

"All variable references in Amazon States Language states use the values as they were on state entry"
(https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html). moto sets them where it evaluates
`Assign`, so that the state's own Output, ResultPath and OutputPath would see them.
"""

from typing import Any

from moto.stepfunctions.parser.asl.component.common.assign.assign_decl import AssignDecl
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.eval.variable_store import IllegalOuterScopeWrite, VariableStore

from constructs_lib.local.emulator.language.limits import check_variables
from constructs_lib.local.emulator.patches import replace, require


def _make_store(self: Any) -> None:
    """In the place of moto's `VariableStore.__init__`: a store also knows what its state assigns."""
    _original_make_store(self)
    self.assigned = {}


def _assign(self: Any, env: Any) -> None:
    """In the place of moto's `AssignDecl._eval_body`: evaluate all, set nothing yet."""
    assigned: dict[str, Any] = {}
    for binding in self.declaration_bindings:
        binding.eval(env=env)
        assigned |= env.stack.pop()
    for name, value in assigned.items():
        if name in env.variable_store._outer_scope:
            raise IllegalOuterScopeWrite(variable_identifier=name, variable_value=value)
    check_variables(env, assigned)
    env.variable_store.assigned = assigned


def _leave_state(self: Any, env: Any) -> Any:
    """In the place of moto's `_get_state_exited_event_details`, where a state ends: now the variables are set."""
    store = env.variable_store
    for name, value in store.assigned.items():
        store.set(name, value)
    store.assigned = {}
    return _original_leave_state(self, env)


def _catch(self: Any, env: Any, failure_event: Any) -> None:
    """In the place of moto's `ExecutionState._handle_catch`: what a failed state would have assigned, it didn't."""
    env.variable_store.assigned = {}
    _original_catch(self, env, failure_event)


_original_make_store: Any = VariableStore.__init__
_original_leave_state: Any = CommonStateField._get_state_exited_event_details
_original_catch: Any = ExecutionState._handle_catch


def install() -> None:
    """Set variables when a state ends."""
    require(VariableStore(), "_outer_scope", "set")
    replace(VariableStore, "__init__", _make_store)
    replace(AssignDecl, "_eval_body", _assign)
    replace(CommonStateField, "_get_state_exited_event_details", _leave_state)
    replace(ExecutionState, "_handle_catch", _catch)
