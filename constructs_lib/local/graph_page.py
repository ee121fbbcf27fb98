"""A state machine as a drawing, its states coloured by a run: one HTML page that needs nothing else, no network.

Graphviz, compiled to WebAssembly and vendored beside this module, draws in the browser. What is made here is its input,
a graph of nodes, edges and clusters (a Map or Parallel is one), and what the page tells of each state. Pure.
"""

from __future__ import annotations

import html
import json
import textwrap
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import chain
from typing import TYPE_CHECKING, Any

from constructs_lib.local.states import State, all_states, machines
from constructs_lib.local.timeline import parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from constructs_lib.local.timeline import StateRun, Timeline

_ASSETS = files("constructs_lib.local") / "page_assets"
# What the page shows of an input, an output or a cause, in characters.
_MOST_TEXT = 8_000
_NAME_WIDTH, _LABEL_WIDTH, _SUMMARY_WIDTH = 26, 24, 40
_MARKS = {"SUCCEEDED": "✓ ", "CAUGHT": "↷ ", "FAILED": "✗ ", "RUNNING": "● ", "ABORTED": "◼ "}
# Which of a state's runs tells most about it, the first that there is.
_WORST_FIRST = ("FAILED", "RUNNING", "CAUGHT", "ABORTED", "SUCCEEDED")


@dataclass(frozen=True)
class Run:
    """A run to colour the states by.

    `children` are the timelines of child executions, as many as were read, by the name of their Distributed Map;
    `child_counts` says how many that has in all. Express children that succeeded have no history: where some weren't
    read, a state that none of the others reached is shown as not recorded.
    """

    arn: str
    timeline: Timeline
    status: str
    children: Mapping[str, Sequence[Timeline]] = field(default_factory=dict)
    child_counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    error: str | None = None
    cause: str | None = None


def page(definition: Mapping[str, Any], title: str, run: Run | None = None) -> str:
    """The HTML page of a machine; without `run` no state is coloured."""
    graph, shown = draw(definition, run)
    data: dict[str, Any] = {"title": title, "graph": graph, "states": shown}
    if run is not None:
        line = run.timeline
        seconds = (
            None if line.started is None or line.stopped is None else (line.stopped - line.started).total_seconds()
        )
        data["run"] = {
            "arn": run.arn,
            "status": run.status,
            "started": None if line.started is None else line.started.isoformat(timespec="seconds"),
            "seconds": seconds,
            "error": run.error,
            "cause": None if run.cause is None else _pretty(run.cause),
        }
    values = {
        "TITLE": html.escape(title),
        "CSS": _asset("graph.css"),
        "LICENSE": _asset("viz/LICENSE").replace("--", "- -"),
        "VIZ": _asset("viz/viz-global.js"),
        "DATA": json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        "SCRIPT": _asset("graph.js"),
    }
    # One pass: what is filled in isn't looked through again.
    head, *parts = _asset("graph.html").split("{{")
    return head + "".join(values[name] + rest for name, _, rest in (part.partition("}}") for part in parts))


def draw(definition: Mapping[str, Any], run: Run | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Graphviz's input, and what to tell of each state by the id of its node or cluster."""
    drawing = _Drawing(definition, run)
    return drawing.graph, drawing.shown


class _Drawing:
    def __init__(self, definition: Mapping[str, Any], run: Run | None) -> None:
        self._run = run
        self._states = {state.name: state for state in all_states(definition)}
        self._ids = {name: f"s{index}" for index, name in enumerate(self._states)}
        self._runs: dict[str, list[StateRun]] = {}
        self._taken: set[tuple[str | None, str, bool]] = set()
        for timeline in () if run is None else (run.timeline, *chain.from_iterable(run.children.values())):
            self._taken |= timeline.transitions
            for entered in timeline.runs:
                self._runs.setdefault(entered.name, []).append(entered)
        self._edges: list[dict[str, Any]] = []
        self.shown: dict[str, Any] = {}
        content = self._machine(definition, inside=None)
        content["nodes"] += [_dot(end, "terminal", end) for end in ("start", "end") if self._has_edge(end)]
        self.graph = {
            "directed": True,
            "graphAttributes": {
                "rankdir": "TB", "compound": True, "nodesep": 0.35, "ranksep": 0.42, "bgcolor": "transparent",
                "fontname": "Arial", "fontsize": 13, "labeljust": "l", "pad": 0.2,
            },
            "nodeAttributes": {
                "shape": "box", "style": "rounded,filled", "fontname": "Arial", "fontsize": 13, "margin": "0.16,0.08",
            },
            "edgeAttributes": {"fontname": "Arial", "fontsize": 10, "arrowsize": 0.7},
            **content,
            "edges": self._edges,
        }  # fmt: skip

    def _machine(self, machine: Mapping[str, Any], inside: str | None) -> dict[str, Any]:
        """The nodes and clusters of a machine; its edges are noted."""
        nodes, clusters = [], []
        for name, fields in machine["States"].items():
            state = self._states[name]
            key = self._ids[name]
            self.shown[key] = self._details(state)
            inner = machines(fields)
            if inner:
                clusters.append(self._cluster(state, key, inner))
            else:
                nodes.append({"name": key, "attributes": self._node(state, key)})
            self._leave(name, fields, inside)
        first = machine["StartAt"]
        self._edge("start" if inside is None else f"{inside}_in", first, taken=(None, first, False) in self._taken)
        return {"nodes": nodes, "subgraphs": clusters}

    def _has_edge(self, name: str) -> bool:
        return any(name in (edge["tail"], edge["head"]) for edge in self._edges)

    def _cluster(self, state: State, key: str, inner: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        contents = [self._machine(machine, inside=key) for machine in inner]
        nodes = [node for content in contents for node in content["nodes"]]
        return {
            "name": f"cluster_{key}",
            "graphAttributes": {
                "id": key,
                "class": self._class(state),
                "style": "rounded,filled",
                "label": {"html": self._label(state)},
                "margin": 14,
            },
            "nodes": [_dot(f"{key}_in", "inner"), *nodes, _dot(f"{key}_out", "hidden")],
            "subgraphs": [cluster for content in contents for cluster in content["subgraphs"]],
        }

    def _node(self, state: State, key: str) -> dict[str, Any]:
        attributes: dict[str, Any] = {"id": key, "class": self._class(state), "label": {"html": self._label(state)}}
        return attributes | ({"shape": "hexagon", "style": "filled"} if state.type == "Choice" else {})

    def _label(self, state: State) -> str:
        lines = textwrap.wrap(state.name, _NAME_WIDTH) or [state.name]
        end = '<br align="left"/>' if machines(state.fields) else "<br/>"
        name = end.join(html.escape(line) for line in lines)
        small = html.escape(self._small_print(state))
        return f'{name}{end}<font point-size="10">{small}{end if "left" in end else ""}</font>'

    def _small_print(self, state: State) -> str:
        status = self._status(state.name)
        runs = self._current(state.name)
        retries = sum(run.retries for run in runs)
        told = [_MARKS.get(status or "", "") + _summary(state)]
        if self._run is not None and (counts := self._run.child_counts.get(state.name)) is not None:
            told.append(f"{counts['total']:,} children")
            failed = counts.get("failed", 0) + counts.get("timedOut", 0)
            told += [f"{failed:,} failed"] if failed else []
        elif len(runs) > 1:
            failed = sum(run.status == "FAILED" for run in runs)
            told.append(f"{len(runs):,} times" + (f", {failed:,} failed" if failed else ""))
        if retries:
            told.append(f"{retries:,} {'retry' if retries == 1 else 'retries'}")
        return " · ".join(told)

    def _class(self, state: State) -> str:
        status = self._status(state.name)
        return f"state {state.type.lower()} {'plain' if status is None else status.lower().replace('_', '-')}"

    def _leave(self, name: str, fields: Mapping[str, Any], inside: str | None) -> None:
        """Note the edges that leave a state."""
        for rule in fields.get("Choices", []):
            self._edge(name, rule["Next"], label=_condition(rule))
        if "Default" in fields:
            self._edge(name, fields["Default"], label="otherwise")
        if "Next" in fields:
            self._edge(name, fields["Next"])
        for catcher in fields.get("Catch", []):
            self._edge(name, catcher["Next"], label=", ".join(catcher["ErrorEquals"]), kind="catch")
        if inside is not None:
            if not fields.get("Next") and "Choices" not in fields:
                self._edge(name, f"{inside}_out", kind="hidden")
        elif fields.get("End"):
            done = any(run.status in {"SUCCEEDED", "CAUGHT"} for run in self._runs.get(name, []))
            self._edge(name, "end", taken=done)

    def _edge(
        self, tail: str, head: str, *, label: str | None = None, kind: str = "next", taken: bool | None = None
    ) -> None:
        """Note an edge between states by name, or dots by id; an edge of a cluster ends at its border."""
        attributes: dict[str, Any] = {}
        if taken is None:
            taken = (tail, head, kind == "catch") in self._taken
        if label is not None:
            attributes |= {"label": f" {_short(label, _LABEL_WIDTH)} ", "tooltip": label}
        if kind == "catch":
            attributes["style"] = "dashed"
        ends = {}
        for end, name, suffix, clip in (("tail", tail, "out", "ltail"), ("head", head, "in", "lhead")):
            ends[end] = self._ids.get(name, name)
            if name in self._ids and machines(self._states[name].fields):
                attributes[clip] = f"cluster_{ends[end]}"
                ends[end] += f"_{suffix}"
        attributes["class"] = f"{kind} taken" if taken and kind != "hidden" else kind
        self._edges.append(ends | {"attributes": attributes})

    def _current(self, name: str) -> list[StateRun]:
        """The runs of a state, without those that a retry of its Map or Parallel has replaced, if any are left."""
        runs = self._runs.get(name, [])
        return [run for run in runs if not run.superseded] or runs

    def _status(self, name: str) -> str | None:
        """How the state ended, of all its runs the worst; None without a run to show."""
        if self._run is None:
            return None
        found = {run.status for run in self._current(name)}
        worst = next((status for status in _WORST_FIRST if status in found), None)
        if worst is not None:
            return worst
        return "NOT_REACHED" if self._recorded(name) is None else "NOT_RECORDED"

    def _recorded(self, name: str) -> tuple[int, int] | None:
        """Of how many child executions, and of how many begun, a state in a Map tells; None where of all."""
        parent = self._states[name].parent
        while parent is not None and self._run is not None:
            counts = self._run.child_counts.get(parent)
            if counts is not None:
                begun, read = counts["total"] - counts.get("pending", 0), len(self._run.children.get(parent, ()))
                return (read, begun) if read < begun else None
            parent = self._states[parent].parent
        return None

    def _details(self, state: State) -> dict[str, Any]:
        """What the page tells of a state; of several runs, the first of the worst."""
        told: dict[str, Any] = {
            "name": state.name,
            "type": state.type,
            "resource": state.fields.get("Resource"),
            "status": self._status(state.name),
            "definition": _cut(json.dumps(_without_inner(state.fields), indent=2, ensure_ascii=False)),
        }
        runs = self._current(state.name)
        if not runs or self._run is None:
            return told
        run = next(run for status in _WORST_FIRST for run in runs if run.status == status)
        last = run.failures[-1] if run.failures else None
        return told | {
            "runs": {status: n for status in _WORST_FIRST if (n := sum(other.status == status for other in runs))},
            "label": run.label,
            "seconds": run.seconds,
            "retries": sum(other.retries for other in runs),
            "function": run.function,
            "executions": run.executions,
            "mapRuns": run.map_runs,
            "items": run.items,
            "children": self._run.child_counts.get(state.name),
            "recorded": self._recorded(state.name),
            "input": None if run.input is None else _pretty(run.input),
            "output": None if run.output is None else _pretty(run.output),
            "error": last and last.error,
            "cause": None if last is None or last.cause is None else _pretty(last.cause),
        }


def _dot(name: str, kind: str, label: str = "") -> dict[str, Any]:
    size = {"terminal": 0.5, "inner": 0.09}.get(kind, 0.01)
    shape = "circle" if kind == "terminal" else "point"
    attributes = {"label": label, "shape": shape, "class": f"dot {kind}", "width": size, "height": size}
    return {"name": name, "attributes": attributes | {"margin": 0, "fixedsize": True, "fontsize": 10}}


def _summary(state: State) -> str:
    """A state's type, and in a word what it does."""
    fields = state.fields
    if state.type == "Task":
        resource = str(fields.get("Resource")).removeprefix("arn:aws:states:::")
        if ":lambda:" in resource and ":function:" in resource:
            resource = f"lambda {resource.partition(':function:')[2]}"
        return _short(resource, _SUMMARY_WIDTH)
    if state.type == "Wait":
        seconds = fields.get("Seconds")
        return f"Wait {seconds} s" if isinstance(seconds, int) else "Wait"
    if state.type == "Fail" and not str(fields.get("Error", "{%")).startswith("{%"):
        return _short(f"Fail {fields['Error']}", _SUMMARY_WIDTH)
    if state.is_distributed:
        return "Distributed Map"
    return state.type


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _condition(rule: Mapping[str, Any]) -> str:
    """A Choice rule in short: its JSONata, or its variable and comparison."""
    if "Condition" in rule:
        return str(rule["Condition"]).removeprefix("{%").removesuffix("%}").strip()
    if "Not" in rule:
        return f"not ({_condition(rule['Not'])})"
    for operator in ("And", "Or"):
        if operator in rule:
            return f" {operator.lower()} ".join(_condition(inner) for inner in rule[operator])
    comparison = next(
        ((key, value) for key, value in rule.items() if key not in {"Variable", "Next", "Comment", "Assign", "Output"}),
        None,
    )
    return (
        str(rule.get("Variable")) if comparison is None else f"{rule.get('Variable')} {comparison[0]} {comparison[1]}"
    )


def _without_inner(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A state's fields without the states inside it, which are drawn."""
    hidden = {"ItemProcessor", "Iterator", "Branches"}
    return {key: "…" if key in hidden else value for key, value in fields.items()}


def _pretty(text: str) -> str:
    """JSON with indents, other text as it is; cut."""
    value = parsed(text)
    return _cut(json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, dict | list) else text)


def _cut(text: str) -> str:
    left_out = len(text) - _MOST_TEXT
    return text if left_out <= 0 else f"{text[:_MOST_TEXT]}\n… {left_out:,} more characters"


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text("utf-8")
