"""What stands in front of MiniStack's Step Functions API: checks of what it would accept, and StopExecution."""

from datetime import UTC, datetime
from typing import Any

from ministack.core import responses
from ministack.services import stepfunctions
from moto.stepfunctions.parser.asl.eval.environment import Environment

from constructs_lib.local.emulator import authorization
from constructs_lib.local.emulator.answers import Handler, Response, done, refused
from constructs_lib.local.emulator.definition import InvalidDefinitionError, compile_definition
from constructs_lib.local.emulator.execution import running
from constructs_lib.local.emulator.patches import replace, require


class StatesApi:
    """The actions that are answered here, and by MiniStack's own functions behind."""

    def __init__(self) -> None:
        self._stop: Handler = replace(stepfunctions, "_stop_execution", self.stop_execution)
        self._create: Handler = replace(stepfunctions, "_create_state_machine", self.create_state_machine)
        self._update: Handler = replace(stepfunctions, "_update_state_machine", self.update_state_machine)
        replace(stepfunctions, "_validate_state_machine_definition", _validate_definition)
        # MiniStack would answer these with its own interpreter, or by taking note of them only.
        for name, action in (("_test_state", "TestState"), ("_update_map_run", "UpdateMapRun")):
            replace(stepfunctions, name, _refuse(action))

    def create_state_machine(self, data: dict[str, Any]) -> Response:
        """CreateStateMachine: refuse a definition that can't run, and a role that can't be assumed."""
        arn = state_machine_arn(data.get("name", ""))
        return _definition_error(data) or _role_error(data, arn) or self._create(data)

    def update_state_machine(self, data: dict[str, Any]) -> Response:
        """UpdateStateMachine: the same checks of what it brings."""
        return _definition_error(data) or _role_error(data, data.get("stateMachineArn", "")) or self._update(data)

    def stop_execution(self, data: dict[str, Any]) -> Response:
        """StopExecution: abort the record, its map runs and their children, then the interpreter."""
        env = running.find(data.get("executionArn", ""))
        if env is None:
            return self._stop(data)
        record = stepfunctions._executions[data["executionArn"]]
        maps = list(env.aws_execution_details.map_runs)
        for map_run in maps:
            map_run.abort()
        # A copy: a task that can't be interrupted may go on writing to the interpreter's list.
        record["events"] = list(record["events"])
        for kind in ("MapRunAborted", "MapStateAborted") if maps else ():
            previous = record["events"][-1]["id"]
            record["events"].append(
                {"id": previous + 1, "previousEventId": previous, "timestamp": responses.now_iso(), "type": kind}
            )
        answer = self._stop(data)
        record["events"][-1].setdefault("previousEventId", 0)
        env.set_stop(stop_date=datetime.now(UTC), cause=data.get("cause"), error=data.get("error"))
        return answer


def _validate_definition(data: dict[str, Any]) -> Response:
    """ValidateStateMachineDefinition, by the check that CreateStateMachine makes."""
    diagnostics = []
    try:
        compile_definition(data.get("definition", ""))
    except InvalidDefinitionError as error:
        diagnostics.append({"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": str(error)})
    return done({"result": "FAIL" if diagnostics else "OK", "diagnostics": diagnostics})


def _refuse(action: str) -> Handler:
    def refuse(_: dict[str, Any]) -> Response:
        message = f"the local cloud doesn't run {action}"
        return refused("ValidationException", message)

    return refuse


def _definition_error(data: dict[str, Any]) -> Response | None:
    if "definition" not in data:
        return None
    try:
        compile_definition(data["definition"])
    except InvalidDefinitionError as error:
        return refused("InvalidDefinition", str(error))
    return None


def state_machine_arn(name: str) -> str:
    """The ARN of a state machine of the request's account and Region."""
    return f"arn:aws:states:{responses.get_region()}:{responses.get_account_id()}:stateMachine:{name}"


def _role_error(data: dict[str, Any], arn: str) -> Response | None:
    message = authorization.refusal("states", data["roleArn"], arn) if "roleArn" in data else None
    if message is None:
        return None
    return refused("AccessDeniedException", message)


def install() -> None:
    """Answer before MiniStack does."""
    require(stepfunctions, "_executions", "_state_machines")
    require(Environment, "set_stop")
    StatesApi()
