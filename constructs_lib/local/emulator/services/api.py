"""The Step Functions actions that are answered here, in front of MiniStack's or in its place.

Each request is first compared with the constraints of botocore's model, as AWS does it; what is refused has AWS's name
and sentence. DescribeExecution and GetExecutionHistory answer for Express executions, too, which AWS refuses: without
them nothing local could show how one went.
"""

import contextlib
import contextvars
import json
import math
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import botocore
from botocore.model import OperationModel
from ministack.core import responses
from ministack.services import stepfunctions
from moto.stepfunctions.parser.asl.eval.environment import Environment

from constructs_lib.local.emulator import redrive
from constructs_lib.local.emulator.answers import Handler, RequestError, Response, done, refused
from constructs_lib.local.emulator.definitions.definition import InvalidDefinitionError, compile_definition
from constructs_lib.local.emulator.execution import begin_history, running
from constructs_lib.local.emulator.execution_log import check_logging
from constructs_lib.local.emulator.language.positions import Position
from constructs_lib.local.emulator.machines import Machine, execution_arn, find_machine
from constructs_lib.local.emulator.patches import replace, require
from constructs_lib.local.emulator.services import authorization
from constructs_lib.local.emulator.tasks.nested_executions import managed_rule_refusal
from constructs_lib.local.emulator.validation import check_arn, check_input, check_members, check_name, operations

# Of StartSyncExecution's bill: memory in steps of 64 MB, time in steps of 100 ms.
_BILLED_MEMORY_MB = 64
_BILLED_STEP_MS = 100
_OK = 200
_MAP_RUN_CHANGES = ("maxConcurrency", "toleratedFailureCount", "toleratedFailurePercentage")


class StatesApi:
    """The actions that are answered here, and by MiniStack's own functions behind."""

    def __init__(self) -> None:
        self._stop: Handler = replace(stepfunctions, "_stop_execution", self.stop_execution)
        self._create: Handler = replace(stepfunctions, "_create_state_machine", self.create_state_machine)
        self._update: Handler = replace(stepfunctions, "_update_state_machine", self.update_state_machine)
        self._describe: Handler = replace(stepfunctions, "_describe_execution", self.describe_execution)
        self._list: Handler = replace(stepfunctions, "_list_executions", self.list_executions)
        replace(stepfunctions, "_delete_state_machine", self.delete_state_machine)
        replace(stepfunctions, "_start_execution", start_execution)
        replace(stepfunctions, "_start_sync_execution", start_sync_execution)
        replace(stepfunctions, "_describe_state_machine_for_execution", describe_state_machine_for_execution)
        replace(stepfunctions, "_validate_state_machine_definition", _validate_definition)
        replace(stepfunctions, "_update_map_run", update_map_run)
        replace(stepfunctions, "_map_run_view", _map_run_view)
        self._handle: Any = replace(stepfunctions, "handle_request", self.handle_request)
        self._redrive = _checked(operations()["RedriveExecution"], redrive_execution)
        # MiniStack would answer this with its own interpreter.
        replace(stepfunctions, "_test_state", _refuse("TestState"))
        for name in ("_describe_state_machine", "_publish_state_machine_version", "_list_state_machine_versions"):
            replace(stepfunctions, name, _for_machine(getattr(stepfunctions, name)))
        for name in ("_get_execution_history", "_list_map_runs"):
            replace(stepfunctions, name, _for_execution(getattr(stepfunctions, name)))

    async def handle_request(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query_params: Any
    ) -> Response:
        """Answer a request; RedriveExecution is an action that MiniStack doesn't know."""
        if headers.get("x-amz-target", "").endswith(".RedriveExecution"):
            with contextlib.suppress(ValueError):  # MiniStack says what is wrong
                answer: Response = stepfunctions._finalize_response(self._redrive(json.loads(body or b"{}")))
                return answer
        response: Response = await self._handle(method, path, headers, body, query_params)
        return response

    def create_state_machine(self, data: dict[str, Any]) -> Response:
        """CreateStateMachine: refuse a definition that can't run, and a role that can't be assumed."""
        check_name(data["name"])
        if data.get("versionDescription") and not data.get("publish"):
            raise RequestError("ValidationException", "Version description can only be set when publish is true")
        check_logging(data.get("loggingConfiguration", {}))
        arn = state_machine_arn(data["name"])
        wrong = _definition_error(data, data.get("type", "STANDARD"))
        refusal = wrong or _role_error(data, arn) or _rule_error(data, arn)
        answer = refusal or self._create(data)
        return _in_awss_words(answer, "StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'")

    def update_state_machine(self, data: dict[str, Any]) -> Response:
        """UpdateStateMachine: the same checks of what it brings."""
        arn = data["stateMachineArn"]
        machine = find_machine(arn)
        brought = ("definition", "roleArn", "loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")
        if not any(name in data for name in brought):
            message = (
                "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be "
                "specified"
            )
            raise RequestError("MissingRequiredParameter", message)
        check_logging(data.get("loggingConfiguration", {}))
        refusal = _definition_error(data, machine.type) or _role_error(data, arn) or _rule_error(data, arn)
        return refusal or self._update(data)

    def describe_execution(self, data: dict[str, Any]) -> Response:
        """DescribeExecution: MiniStack's answer, the version that runs, and what is to say of redrives."""
        record = _record(data["executionArn"], "execution", "express")
        _, _, body = self._describe(data)
        trace = {"traceHeader": record["traceHeader"]} if record.get("traceHeader") else {}
        return done({**json.loads(body), **_chosen(data["executionArn"]), **trace, **redrive.described(record)})

    def list_executions(self, data: dict[str, Any]) -> Response:
        """ListExecutions of a Standard machine, of a version or an alias of it, or of a Map Run."""
        arn = data.get("stateMachineArn")
        if (arn is None) == (data.get("mapRunArn") is None):
            # Said of neither; of both, AWS's words aren't known.
            message = "1 validation error detected: Must provide a StateMachine ARN or MapRun ARN"
            raise RequestError("ValidationException", message)
        filtered = data.get("redriveFilter")
        if arn is not None:
            if filtered is not None:
                # AWS's words aren't known.
                raise RequestError("ValidationException", "redriveFilter is only supported with mapRunArn")
            machine = find_machine(arn)
            if machine.is_express:
                raise _type_not_supported()
            data = {**data, "stateMachineArn": machine.arn}
        status, headers, body = self._list(data)
        if status != _OK:
            return status, headers, body
        answer = json.loads(body)
        items = [
            item | _chosen(item["executionArn"]) | _redriven(item["executionArn"]) for item in answer["executions"]
        ]
        # A page of what is filtered here may hold fewer than it was asked for.
        answer["executions"] = [
            item
            for item in items
            if (arn is None or arn in item.values())
            and (filtered is None or (item["redriveCount"] > 0) == (filtered == "REDRIVEN"))
        ]
        return done(answer)

    def stop_execution(self, data: dict[str, Any]) -> Response:
        """StopExecution: abort the record, its map runs and their children, then the interpreter."""
        record = _record(data["executionArn"], "execution")
        env = running.halt(record) if record["status"] == "RUNNING" else None
        if env is None:
            if record["status"] == "RUNNING" and "machine" in record:
                begin_history(record, record["machine"].role_arn)
            return self._stop(data)
        with env._state_mutex:
            # While this is held, it doesn't end by itself.
            if env.is_running():
                return self._abort(record, env, data)
        running.await_end(env, record["executionArn"])
        return self._stop(data)

    def _abort(self, record: dict[str, Any], env: Any, data: dict[str, Any]) -> Response:
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

    def delete_state_machine(self, data: dict[str, Any]) -> Response:
        """DeleteStateMachine: ends what still runs; what ran can be described on. Doing it twice is no error.

        MiniStack forgets the executions at once. AWS terminates them on their next transition:
        https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html
        """
        arn = data["stateMachineArn"]
        check_arn(arn, "stateMachine")
        stepfunctions._state_machines.pop(arn, None)
        stepfunctions._tags.pop(arn, None)
        for record in list(stepfunctions._executions.values()):
            if record["stateMachineArn"] == arn and record["status"] == "RUNNING" and not record.get("sync"):
                self.stop_execution({"executionArn": record["executionArn"]})
        return done({})


def start_execution(data: dict[str, Any]) -> Response:
    """StartExecution. A Standard execution's name is taken: only the same request again, while it runs, is answered."""
    machine = find_machine(data["stateMachineArn"])
    name, text = _name_and_input(data)
    arn = execution_arn(machine.arn, machine.type, name)
    existing = stepfunctions._executions.get(arn)
    if existing is not None:
        if existing["status"] != "RUNNING" or json.loads(existing["input"]) != json.loads(text):
            raise RequestError("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
        return done({"executionArn": arn, "startDate": existing["startDate"]})
    record = _new_record(machine, arn, name, text, data)
    stepfunctions._emit_execution_status_event(record)
    # MiniStack's account and Region go along; looked up by name, because the interpreter has replaced it.
    threading.Thread(
        target=contextvars.copy_context().run, args=(stepfunctions._run_execution, arn), daemon=True
    ).start()
    return done({"executionArn": arn, "startDate": record["startDate"]})


def start_sync_execution(data: dict[str, Any]) -> Response:
    """StartSyncExecution: run an Express machine to its end. MiniStack calls this in a thread of its own."""
    machine = find_machine(data["stateMachineArn"])
    if not machine.is_express:
        raise _type_not_supported()
    name, text = _name_and_input(data)
    record = _new_record(machine, execution_arn(machine.arn, machine.type, name), name, text, data)
    started = datetime.now(UTC)
    stepfunctions._run_execution(record["executionArn"])
    milliseconds = (datetime.now(UTC) - started).total_seconds() * 1000
    shown = ["executionArn", "stateMachineArn", "name", "startDate", "stopDate", "status", "input", "inputDetails"]
    shown += ["outputDetails", "error", "cause", "traceHeader"] + ["output"] * (record["status"] == "SUCCEEDED")
    billed = {
        "billedDurationInMilliseconds": _BILLED_STEP_MS * math.ceil(milliseconds / _BILLED_STEP_MS),
        "billedMemoryUsedInMB": _BILLED_MEMORY_MB,
    }
    answer = {name: record[name] for name in shown if record.get(name) is not None}
    return done({**answer, "billingDetails": billed})


def redrive_execution(data: dict[str, Any]) -> Response:
    """RedriveExecution: let an execution go on where it was."""
    arn = data["executionArn"]
    check_arn(arn, "execution")
    if "/" in arn:
        raise RequestError("ValidationException", "Labeled Execution ARNs are not supported for this API")
    return done({"redriveDate": redrive.redrive(_record(arn, "execution"), data.get("clientToken"))})


def describe_state_machine_for_execution(data: dict[str, Any]) -> Response:
    """DescribeStateMachineForExecution: what the execution runs, whatever became of the machine since."""
    record = _record(data["executionArn"], "execution")
    machine: Machine | None = record.get("machine")
    if machine is None:
        message = "the local cloud doesn't describe the machine of a Map Run's child: ask for the execution of the map"
        raise RequestError("ValidationException", message)
    described = {
        "stateMachineArn": machine.arn,
        "name": machine.name,
        "definition": machine.definition,
        "roleArn": machine.role_arn,
        "updateDate": record["startDate"],
        "loggingConfiguration": machine.logging,
        "encryptionConfiguration": machine.encryption,
    }
    return done({name: value for name, value in described.items() if value is not None})


def update_map_run(data: dict[str, Any]) -> Response:
    """UpdateMapRun: another concurrency or tolerance for a Map Run that is under way."""
    arn = data["mapRunArn"]
    check_arn(arn, "mapRun")
    record = stepfunctions._map_runs.get(arn)
    if record is None:
        raise RequestError("ResourceNotFound", f"Resource not found: '{arn}'")
    changes = {name: data[name] for name in _MAP_RUN_CHANGES if name in data}
    env = running.find(record["executionArn"])
    map_runs = [] if env is None else [run for run in env.aws_execution_details.map_runs if run.arn == arn]
    # AWS's words aren't known for these two.
    if not changes:
        raise RequestError("ValidationException", f"At least one of {', '.join(_MAP_RUN_CHANGES)} must be specified")
    if not map_runs:
        raise RequestError("ValidationException", f"Map Run is {record['status']} and can't be updated: '{arn}'")
    map_runs[0].update(changes)
    return done({})


def _map_run_view(run: dict[str, Any]) -> dict[str, Any]:
    """In the place of MiniStack's, which fails when the run ends, and is given a date, while it looks."""
    return {name: value for name, value in list(run.items()) if not name.startswith("_")}


def _name_and_input(data: dict[str, Any]) -> tuple[str, str]:
    name = data.get("name") or responses.new_uuid()
    check_name(name)
    text = data.get("input", "{}")
    check_input(text)
    return name, text


def _new_record(machine: Machine, arn: str, name: str, text: str, data: dict[str, Any]) -> dict[str, Any]:
    """An execution in MiniStack's store, as RUNNING."""
    record = {
        "executionArn": arn,
        "stateMachineArn": machine.arn,
        "stateMachineVersionArn": machine.version_arn,
        "stateMachineAliasArn": machine.alias_arn,
        "name": name,
        "status": "RUNNING",
        "startDate": responses.now_iso(),
        "stopDate": None,
        "input": text,
        "inputDetails": {"included": True},
        "output": None,
        "outputDetails": {"included": True},
        "traceHeader": data.get("traceHeader"),
        "machine": machine,
        "redriveCount": 0,
        **({} if machine.is_express else {"position": Position()}),
        "mockAttempts": {},
        # MiniStack's word for it: no status event goes to EventBridge.
        "sync": machine.is_express,
        "events": [],
    }
    stepfunctions._executions[arn] = record
    return record


def _record(arn: str, *types: str) -> dict[str, Any]:
    """An execution of one of these types of ARN.

    Raises:
        RequestError: InvalidArn, or ExecutionDoesNotExist.

    """
    check_arn(arn, *types)
    record: dict[str, Any] | None = stepfunctions._executions.get(arn)
    if record is None:
        raise RequestError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
    return record


def _chosen(arn: str) -> dict[str, str]:
    """The version, and the alias, that an execution was started by, as the answers show them."""
    record = stepfunctions._executions[arn]
    names = ("stateMachineVersionArn", "stateMachineAliasArn")
    return {name: record[name] for name in names if record.get(name)}


def _redriven(arn: str) -> dict[str, Any]:
    """How often an execution was redriven, and when for the last time, as the lists show it."""
    record = stepfunctions._executions[arn]
    return {name: record[name] for name in ("redriveCount", "redriveDate") if name in record}


def _for_machine(original: Handler) -> Handler:
    def answer(data: dict[str, Any]) -> Response:
        find_machine(data["stateMachineArn"])
        return original(data)

    return answer


def _for_execution(original: Handler) -> Handler:
    def answer(data: dict[str, Any]) -> Response:
        _record(data["executionArn"], "execution", "express")
        return original(data)

    return answer


def _type_not_supported() -> RequestError:
    message = "This operation is not supported by this type of state machine"
    return RequestError("StateMachineTypeNotSupported", message)


def _in_awss_words(answer: Response, code: str, message: str) -> Response:
    """MiniStack's answer; its sentence for the error `code` is another than AWS's."""
    failed = answer[0] == 400 and json.loads(answer[2]).get("__type") == code
    return refused(code, message) if failed else answer


def _validate_definition(data: dict[str, Any]) -> Response:
    """ValidateStateMachineDefinition, by the check that CreateStateMachine makes."""
    diagnostics: list[dict[str, str]] = []
    try:
        compile_definition(data["definition"], data.get("type", "STANDARD"))
    except InvalidDefinitionError as error:
        for problem in error.problems:
            diagnostic = {"severity": "ERROR", "code": problem.code, "message": problem.message}
            diagnostics.append(diagnostic | ({"location": problem.location} if problem.location else {}))
    return done({"result": "FAIL" if diagnostics else "OK", "diagnostics": diagnostics})


def _refuse(action: str) -> Handler:
    def refuse(_: dict[str, Any]) -> Response:
        message = f"the local cloud doesn't run {action}"
        return refused("ValidationException", message)

    return refuse


def _definition_error(data: dict[str, Any], machine_type: str) -> Response | None:
    if "definition" not in data:
        return None
    try:
        compile_definition(data["definition"], machine_type)
    except InvalidDefinitionError as error:
        return refused("InvalidDefinition", str(error))
    return None


def state_machine_arn(name: str) -> str:
    """The ARN of a state machine of the request's account and Region."""
    return f"arn:aws:states:{responses.get_region()}:{responses.get_account_id()}:stateMachine:{name}"


def _rule_error(data: dict[str, Any], arn: str) -> Response | None:
    message = managed_rule_refusal(data, arn)
    return None if message is None else refused("AccessDeniedException", message)


def _role_error(data: dict[str, Any], arn: str) -> Response | None:
    message = authorization.refusal("states", data["roleArn"], arn) if "roleArn" in data else None
    if message is None:
        return None
    return refused("AccessDeniedException", message)


def _checked(operation: OperationModel, handler: Callable[..., Any]) -> Handler:
    """A handler behind the check of its request's members; what is refused on the way is an answer."""

    def answer(data: dict[str, Any]) -> Any:
        try:
            check_members(operation, data)
            return handler(data)
        except RequestError as error:
            return refused(error.code, error.message)

    return answer


def install() -> None:
    """Answer before MiniStack does."""
    require(stepfunctions, "_tags", "_executions", "_map_runs", "_run_execution", "_emit_execution_status_event")
    require(stepfunctions, "_finalize_response")
    require(Environment, "set_stop", "is_running")
    redrive.install()
    StatesApi()
    for name, operation in operations().items():
        function = f"_{botocore.xform_name(name)}"
        # Not each is there, and this one is asynchronous.
        if hasattr(stepfunctions, function) and name != "GetActivityTask":
            replace(stepfunctions, function, _checked(operation, getattr(stepfunctions, function)))
