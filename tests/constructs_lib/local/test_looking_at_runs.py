"""`start`, `history`, `graph` and `logs` on a running cloud, which they are pointed at as at somebody else's."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from constructs_lib.local.__main__ import main
from tests.constructs_lib.local.emulator.conftest import Cloud

if TYPE_CHECKING:
    from pathlib import Path

    from constructs_lib.local import LocalCloud

pytestmark = pytest.mark.local

HANDLER = """
class TooBusy(Exception):
    pass

calls = 0

def handler(event, context):
    global calls
    calls += 1
    print(f"call {calls} for {event['for']}")
    if event["for"] == "never" or calls % 2:
        raise TooBusy("ask again")
    return calls
"""


def invoke(function: str, **fields: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function, "Payload": "{% $states.input %}"},
        "Output": "{% $states.result.Payload %}",
        **fields,
    }


class Looking:
    """The command line, pointed at the cloud."""

    def __init__(self, cloud: LocalCloud, capsys: pytest.CaptureFixture[str]) -> None:
        self.aws = Cloud(cloud.port, cloud.folder)
        self.aws._names = id(self)  # the session's cloud has other tests' resources, too
        self._where = ["--endpoint", cloud.endpoint.url, "--certificate", str(cloud.endpoint.certificate)]
        self._capsys = capsys

    def run(self, *arguments: object) -> tuple[int, str, str]:
        """The exit code, stdout, stderr."""
        code = main([*map(str, arguments), *self._where])
        return (code, *self._capsys.readouterr())


@pytest.fixture
def looking(cloud: LocalCloud, capsys: pytest.CaptureFixture[str]) -> Looking:
    return Looking(cloud, capsys)


def test_a_retry_then_success(looking: Looking) -> None:
    retry = [{"ErrorEquals": ["TooBusy"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    machine = looking.aws.machine({"Ask": invoke(looking.aws.function(HANDLER), Retry=retry, End=True)})
    code, out, err = looking.run("start", machine, "--input", '{"for": "me"}')
    assert (code, json.loads(out)) == (0, 2)
    assert "retrying in 1 s, attempt 2: TooBusy" in err
    assert "succeeded after 1." in err
    assert "SUCCEEDED  arn:aws:states:" in err


def test_a_failure_with_the_handlers_last_words(looking: Looking) -> None:
    function = looking.aws.function(HANDLER, LoggingConfig={"LogGroup": "/own/group"})
    machine = looking.aws.machine({"Ask": invoke(function, End=True)})
    code, out, err = looking.run("start", machine, "--input", '{"for": "never"}', "--name", "in-vain")
    assert (code, out) == (1, "")
    _, _, told = err.partition("error: The execution ended FAILED: TooBusy\n")
    assert told.startswith("state  Ask (Task, lambda:invoke)\nerror  TooBusy\ncause  TooBusy: ask again\n")
    assert "log    the last lines of /own/group\n       | call 1 for never\n" in told
    assert told.endswith(":in-vain\n")

    code, out, _ = looking.run("logs", function.rpartition(":")[2])
    assert code == 0
    assert "call 1 for never\n" in out
    assert out.startswith("START RequestId: ")


def test_a_failed_child_and_the_state_machine_that_runs_it(looking: Looking, tmp_path: Path) -> None:
    function = looking.aws.function(HANDLER)
    each = {
        "Type": "Map",
        "Label": "Each",
        "Items": [{"for": "never"}],
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Ask",
            "States": {"Ask": invoke(function, End=True)},
        },
        "End": True,
    }
    inner = looking.aws.machine({"Each one": each})
    nest = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {"StateMachineArn": inner, "Input": {}},
        "End": True,
    }
    outer = looking.aws.machine({"Nest": nest})
    code, out, err = looking.run("start", outer)
    assert (code, out) == (1, "")
    [started] = [line for line in err.splitlines() if "Nest" in line and "started arn:" in line]
    nested = started.rpartition(" ")[2]
    assert f":execution:{inner.rpartition(':')[2]}:" in nested
    _, _, told = err.partition("error: ")
    assert f"inside the execution {nested}\n  state  Each one (Map)\n" in told
    assert "  inside the failed child execution arn:" in told
    assert "    state  Ask (Task, lambda:invoke)\n    error  TooBusy\n    cause  TooBusy: ask again\n" in told
    assert "           | call 1 for never\n" in told

    assert looking.run("history")[1].split("\n")[0] == f"{told.splitlines()[-1]}  FAILED"  # not that of the nested one

    [child] = [line.rpartition(" ")[2] for line in told.splitlines() if "failed child execution" in line]
    code, out, _ = looking.run("history", child)
    assert code == 0
    assert [line.split()[2] for line in out.splitlines()[1:3]] == ["TYPE", "ExecutionStarted"]
    assert "TooBusy: " in out

    page = tmp_path / "child.html"
    assert looking.run("graph", child, "--output", page) == (0, f"{page}\n", "")
    data = json.loads(page.read_text("utf-8").split('id="data">')[1].split("</script>")[0])
    assert [(state["name"], state["status"]) for state in data["states"].values()] == [("Ask", "FAILED")]

    assert looking.run("graph", nested, "--output", page)[0] == 0
    data = json.loads(page.read_text("utf-8").split('id="data">')[1].split("</script>")[0])
    told_of = {state["name"]: state for state in data["states"].values()}
    assert told_of["Each one"]["children"]["failed"] == 1
    assert told_of["Ask"]["status"] == "FAILED"


def test_the_execution_started_last_and_its_raw_events(
    looking: Looking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = looking.aws.machine({"Pass": {"Type": "Pass", "End": True}}).rpartition(":")[2]
    assert looking.run("start", name, "--name", f"last-{name}")[0] == 0
    code, out, err = looking.run("history", "--json")
    assert (code, err) == (0, "")
    assert [event["type"] for event in json.loads(out)] == [
        "ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    assert looking.run("history", f"last-{name}")[1] == looking.run("history")[1]
    monkeypatch.chdir(tmp_path)
    assert looking.run("graph")[1] == f"graph-last-{name}.html\n"
    assert looking.run("graph", name)[1] == f"graph-{name}.html\n"
    assert '"run":' in (tmp_path / f"graph-last-{name}.html").read_text("utf-8").split('id="data">')[1]
    assert '"run":' not in (tmp_path / f"graph-{name}.html").read_text("utf-8").split('id="data">')[1]


def test_an_execution_that_timed_out_and_an_express_one(looking: Looking, tmp_path: Path) -> None:
    slow = looking.aws.machine({"Wait": {"Type": "Wait", "Seconds": 9, "End": True}}, TimeoutSeconds=1)
    code, _, err = looking.run("start", slow)
    assert code == 1
    assert "error: The execution ended TIMED_OUT: States.Timeout\nstate  Wait\narn:" in err

    name, definition = looking.aws.name("express"), {"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "No"}}}
    looking.aws.client("stepfunctions").create_state_machine(
        name=name, roleArn=looking.aws.role("states"), definition=json.dumps(definition), type="EXPRESS"
    )
    code, _, err = looking.run("start", name)
    assert code == 1
    arn = err.splitlines()[-1]
    assert ":express:" in arn
    assert "FailStateEntered" in looking.run("history", arn)[1]
    page = tmp_path / "express.html"
    assert looking.run("graph", arn, "--output", page) == (0, f"{page}\n", "")


def test_the_execution_started_last_is_not_one_that_another_started(looking: Looking) -> None:
    """Whether it was waited for or not, and through several."""
    innermost = looking.aws.machine({"Pass": {"Type": "Pass", "End": True}})

    def starting(machine: str, pattern: str) -> str:
        resource = f"arn:aws:states:::states:startExecution{pattern}"
        arguments = {"StateMachineArn": machine, "Input": {}}
        return looking.aws.machine(
            {"Nest": {"Type": "Task", "Resource": resource, "Arguments": arguments, "End": True}}
        )

    outer = starting(starting(innermost, ""), ".sync:2")
    for machine in (outer, innermost):
        _, _, err = looking.run("start", machine)
        arn = err.splitlines()[-1].removeprefix("SUCCEEDED  ")
        assert looking.run("history")[1].startswith(f"{arn}  SUCCEEDED\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["history", "absent"], "The execution 'absent' is unknown. Allowed: an ARN, or a name; the last ones: "),
        (["graph", "absent"], "'absent' is neither a state machine nor an execution. Allowed: "),
        (["logs", "absent"], "The function 'absent' is unknown. Allowed: "),
    ],
)
def test_what_is_not_there(looking: Looking, arguments: list[str], reason: str) -> None:
    name = looking.aws.machine({"Pass": {"Type": "Pass", "End": True}})
    assert looking.run("start", name)[0] == 0
    code, out, err = looking.run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {reason}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["redrive", "history", "graph"])
@pytest.mark.parametrize("kind", ["execution:{}:absent", "execution:{}/Each:absent", "express:{}:absent:1"])
def test_an_executions_arn_that_is_not_there(looking: Looking, command: str, kind: str) -> None:
    machine = looking.aws.machine({"Pass": {"Type": "Pass", "End": True}})
    assert looking.run("start", machine, "--name", f"first-{command}")[0] == 0
    prefix, name = machine.split(":stateMachine:")
    arn = f"{prefix}:{kind.format(name)}"
    code, out, err = looking.run(command, arn)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: The execution {arn!r} is unknown. Allowed: an ARN, or a name; the last ones: first-")


def test_characters_that_the_terminal_or_utf_8_lacks(
    looking: Looking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = looking.aws.machine({"Päss": {"Type": "Pass", "End": True}})
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as context:
        terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        context.setattr("sys.stdout", terminal)
        name = f"zwölf-{machine.rpartition(':')[2]}"
        assert looking.run("start", machine, "--name", name, "--input", '["\\ud800", "ä"]')[0] == 0
        assert looking.run("history", name)[0] == 0
        assert looking.run("graph", name)[0] == 0
    terminal.seek(0)
    printed = terminal.read()
    assert printed.startswith('[\n  "\\ud800",\n  "\\xe4"\n]\n')
    assert "P\\xe4ss" in printed
    page = (tmp_path / f"graph-{name}.html").read_text("utf-8")
    assert '"name":"Päss"' in page
    assert "\\ud800" in page


def test_an_endpoint_whose_certificate_nobody_trusts(cloud: LocalCloud, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--endpoint", cloud.endpoint.url]) == 1
    err = capsys.readouterr().err
    assert "CERTIFICATE_VERIFY_FAILED" in err
    assert err.endswith(". Fix: give the certificate to trust there with --certificate.\n")


def test_a_page_that_cannot_be_written(looking: Looking, tmp_path: Path) -> None:
    name = looking.aws.machine({"Pass": {"Type": "Pass", "End": True}})
    code, _, err = looking.run("graph", name, "--output", tmp_path / "absent" / "page.html")
    assert code == 2
    assert "page.html' can't be written: No such file or directory. Fix: name another with --output." in err
