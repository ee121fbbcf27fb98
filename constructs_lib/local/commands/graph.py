"""`graph`: a state machine as a picture, with the states of a run coloured."""

from __future__ import annotations

import json
import re
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from constructs_lib.local.commands.options import add_endpoint, say
from constructs_lib.local.commands.targets import Target, chosen_machine, is_execution, machine_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from constructs_lib.local.graph_page import Run
    from constructs_lib.local.timeline import Timeline

# Child executions whose histories are read for the colours of the states that they run: those that failed first.
_MOST_CHILDREN = 50


def add_parser(commands: Any) -> None:
    """Add `graph`."""
    parser = commands.add_parser(
        "graph",
        help="draw a state machine, with the states of a run coloured",
        description="Writes one HTML page, which needs nothing else and no network, with the state machine drawn and "
        "the states of a run coloured; a click on a state shows its input, output, error and retries. It prints where "
        "the page is.",
    )
    parser.add_argument(
        "what",
        nargs="?",
        metavar="STATE_MACHINE|EXECUTION",
        help="a state machine as `start` takes it, to draw it without a run; or an execution, by ARN or name (default: "
        "the Standard execution started last, by anyone but another execution; or the app's only state machine)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="the page to write (default: graph-<name>.html in this folder)"
    )
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    add_endpoint(parser, "look on this emulator instead of the one that `up` started")
    parser.set_defaults(command=_graph, interrupted="Interrupted.")


def _graph(options: argparse.Namespace) -> int:
    from constructs_lib.local.errors import UsageError

    target = Target.of(options)
    machine, execution = _chosen(target, options.what)
    from constructs_lib.local.graph_page import page

    client = target.client("stepfunctions", machine)
    title, run = machine.rpartition(":")[2], None
    if execution is None:
        definition = _current(client, machine)
    else:
        definition, run = _run(client, execution)
        title = f"{title}: {execution.rpartition(':')[2]}"
    path = options.output
    if path is None:
        name = re.sub(r"[^\w.-]+", "-", (execution or machine).rpartition(":")[2])
        path = Path(f"graph-{name}.html")
    try:
        # JSON may have half a surrogate pair, which UTF-8 hasn't.
        path.write_text(page(definition, title, run), "utf-8", "backslashreplace")
    except OSError as error:
        raise UsageError(
            f"{str(path)!r} can't be written: {error.strerror}. Fix: name another with --output."
        ) from None
    print(path)
    if options.open and not webbrowser.open(path.absolute().as_uri()):
        say("No browser could be started here; open the page yourself.")
    return 0


def _chosen(target: Target, given: str | None) -> tuple[str, str | None]:
    """The state machine to draw, and the execution to colour it by, if any."""
    from constructs_lib.local.errors import UsageError

    if given is not None and is_execution(given):
        return machine_of(given)[0], target.execution(given)
    machines = target.machines()
    if given is None:
        latest = target.latest_execution(machines)
        return (chosen_machine(None, machines), None) if latest is None else (machine_of(latest)[0], latest)
    if given in machines or any(given in names for names in machines.values()):
        return chosen_machine(given, machines), None
    try:
        execution = target.execution(given)
    except UsageError:
        allowed = ", ".join(sorted(arn.rpartition(":")[2] for arn in machines)) or "none is deployed"
        raise UsageError(
            f"{given!r} is neither a state machine nor an execution. Allowed: {allowed}; or an execution's name or ARN."
        ) from None
    return machine_of(execution)[0], execution


def _run(client: Any, execution: str) -> tuple[Mapping[str, Any], Run]:
    """What an execution runs and how its states went."""
    from constructs_lib.local.graph_page import Run
    from constructs_lib.local.history import History
    from constructs_lib.local.timeline import Timeline

    described = client.describe_execution(executionArn=execution)
    timeline = Timeline(History(client, execution).new())
    children, counts = _children(client, timeline)
    definition = _definition(client, described, timeline)
    return definition, Run(
        execution, timeline, described["status"], children, counts, described.get("error"), described.get("cause")
    )


def _current(client: Any, machine: str) -> Mapping[str, Any]:
    definition: Mapping[str, Any] = json.loads(client.describe_state_machine(stateMachineArn=machine)["definition"])
    return definition


def _definition(client: Any, described: Mapping[str, Any], timeline: Timeline) -> Mapping[str, Any]:
    """The machine that an execution ran, whatever became of it since; a child execution's: the one in its Map."""
    from constructs_lib.local.errors import LocalCloudError
    from constructs_lib.local.states import child_definition

    execution, map_run = described["executionArn"], described.get("mapRunArn")
    if ":express:" in execution:  # of these the service only knows what the machine is now
        return _current(client, machine_of(execution)[0])
    if map_run is not None:
        execution = client.describe_map_run(mapRunArn=map_run)["executionArn"]
    definition: Mapping[str, Any] = json.loads(
        client.describe_state_machine_for_execution(executionArn=execution)["definition"]
    )
    if map_run is None:
        return definition
    label = machine_of(described["executionArn"])[1]
    try:
        return child_definition(definition, label or "", timeline.runs[0].name if timeline.runs else None)
    except LookupError:
        raise LocalCloudError(f"Which Distributed Map ran {described['executionArn']} can't be told.") from None


def _children(client: Any, timeline: Timeline) -> tuple[dict[str, list[Timeline]], dict[str, dict[str, int]]]:
    """The histories of the Map Runs' child executions, and how many each Map has, by its name."""
    from constructs_lib.local.history import History
    from constructs_lib.local.timeline import Timeline

    children: dict[str, list[Timeline]] = {}
    counts: dict[str, dict[str, int]] = {}
    for run in timeline.runs:
        for arn in run.map_runs[-1:]:
            counted = client.describe_map_run(mapRunArn=arn)["executionCounts"]
            counts[run.name] = {name: n + counts.get(run.name, {}).get(name, 0) for name, n in counted.items()}
            read = children.setdefault(run.name, [])
            for status in ("FAILED", "TIMED_OUT", "RUNNING", "SUCCEEDED"):
                left = _MOST_CHILDREN - len(read)
                if left <= 0:
                    break
                listed = client.list_executions(mapRunArn=arn, statusFilter=status, maxResults=left)["executions"]
                found = [Timeline(History(client, child["executionArn"]).new()) for child in listed]
                read += [child for child in found if child.runs]
    return children, counts
