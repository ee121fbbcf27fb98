"""Reads out of a cloud assembly what a forecast needs to know of a Distributed Map, anybody's.

Each value comes with the field of the template or of the Amazon States Language that it stands in. What the assembly
can't say, such as a `MaxConcurrency` that is an expression, is `missing`, with the reason. A map whose children run no
Lambda function is refused, and so is one over records: the forecast knows batches of S3 objects that a function reads.
Errors are `ValueError`s of one line. Fields:
https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from constructs_lib.forecast.job import MAX_CONCURRENCY, Bucket, Child, Handler, Reducer, Source

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from constructs_lib.assembly import Assembly, Stack, StateMachine

DEFAULT_OBJECTS = 600_000
"""About as many as NOAA's Global Surface Summary of the Day has."""

NOAA = "noaa-gsod-pds"
"""The bucket of NOAA's Global Surface Summary of the Day, which anybody may read."""

# Of the wind-speed workflow: constructs_lib/wind_speed.py
_HANDLER = "wind_speed.analyze.handler"

# https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
_DEFAULT_MEMORY_MB = 128

_INVOKE = re.compile(r"arn:[\w-]+:states:::(aws-sdk:)?lambda:invoke\b.*")
_FUNCTION_ARN = re.compile(r"arn:[\w-]+:lambda:.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSettings:
    """What an assembly says of one Distributed Map.

    `map_name` is the state's, `machine` the state machine as `--machine` takes it. `values` are fields of a `Job`,
    `places` says of each which field it was read from, and `missing` of each that can't be read why not.
    """

    map_name: str
    machine: str
    values: Mapping[str, Any]
    places: Mapping[str, str]
    missing: Mapping[str, str]

    def refuse_missing(self, given: Container[str]) -> None:
        """Raise `ValueError` for a field that is neither in the assembly nor given."""
        for name, why in self.missing.items():
            if name not in given:
                raise ValueError(f"The map {self.map_name!r} of {self.machine} {why}. Fix: give {option_of(name)}.")


def option_of(name: str) -> str:
    """Return the command's option for a field of a `Job`."""
    return "--" + name.replace("_", "-")


def read_map(assembly: Assembly, *, machine: str | None = None, map_name: str | None = None) -> MapSettings:
    """Return what an assembly says of its Distributed Map.

    `machine` is the state machine's name, its logical id with or without CDK's hash, its construct path, or
    `<stack>.<logical id>`; `map_name` the state's name or its label. Omitted, the map must be the only one whose
    children run a Lambda function.

    Raises:
        ValueError: for an assembly without such a map, for several, and for one whose items are no objects.

    """
    found = [one for stack in assembly.stacks for one in _maps_of(stack)]
    if not found:
        raise ValueError(
            f"{str(assembly.path)!r} has no Distributed Map; allowed: an assembly with a Map whose ProcessorConfig's "
            "Mode is DISTRIBUTED. Leave the folder out to forecast the wind-speed workflow."
        )
    named = [one for one in found if one.goes_by(machine, map_name)]
    if not named:
        raise ValueError(f"No Distributed Map is {_wanted(machine, map_name)}. Allowed: {_list(found)}.")
    chosen = named if len(named) == 1 else [one for one in named if one.function is not None]
    if len(chosen) > 1:
        raise ValueError(
            f"{str(assembly.path)!r} has {len(chosen)} Distributed Maps: {_list(chosen)}. "
            "Fix: choose one with --map, or with --machine."
        )
    if not chosen or chosen[0].function is None:
        raise ValueError(
            f"No child of {_list(named)} runs a Lambda function; allowed: a map whose children have a Task that "
            "invokes one. What other children take can't be foreseen."
        )
    return _Reading(assembly, chosen[0], chosen[0].function).settings()


@dataclass(frozen=True, slots=True)
class _Map:
    """`around` are the definitions that have it, each with the state that it is, or is in; the innermost last."""

    stack: Stack
    machine: StateMachine
    name: str
    state: Mapping[str, Any]
    around: tuple[tuple[Mapping[str, Any], str], ...]

    @property
    def place(self) -> str:
        return f"{self.machine.stack}.{_plain(self.machine.logical_id)}"

    @property
    def function(self) -> str | None:
        """The first Lambda function that a child invokes, by ARN or name; "" where an expression names it."""
        return next(_functions(_processor(self.state)), None)

    @property
    def reader(self) -> Mapping[str, Any]:
        """The state's ItemReader; nothing where its items are the input's."""
        return _mapping(self.state.get("ItemReader"))

    @property
    def records(self) -> str | None:
        """What the items are where they are no objects; None where they are."""
        api, config = _api(self.reader), _mapping(self.reader.get("ReaderConfig"))
        kind, manifest = config.get("InputType"), config.get("ManifestType", "S3_INVENTORY")
        if config.get("Transformation", "NONE") != "NONE":
            return "what is in the objects"
        if api == "listObjectsV2" or (api == "getObject" and kind == "MANIFEST" and manifest == "S3_INVENTORY"):
            return None
        if api != "getObject":
            return "no file, and lists no bucket"
        if kind != "CSV" or "ManifestType" in config:
            return "the items in a file"
        # What tells an index apart, such as ObjectSource.from_csv's.
        columns = [config.get("CSVHeaders"), self.state.get("ItemSelector"), self.state.get("Parameters")]
        return None if re.search(r"\bkey\b", json.dumps(columns), re.IGNORECASE) else "the rows of a CSV"

    @property
    def function_before(self) -> str | None:
        """A state from which the map is reached, and which invokes a function; None without one."""
        return next((name for states, inner in self.around for name in _invoking(states, before=inner)), None)

    @property
    def function_after(self) -> str | None:
        """A state that is reached from the map, and which invokes a function; None without one."""
        return next((name for states, inner in self.around[::-1] for name in _invoking(states, after=inner)), None)

    def goes_by(self, machine: str | None, map_name: str | None) -> bool:
        ids = {self.machine.logical_id, _plain(self.machine.logical_id)}
        names = {self.machine.name, *ids, *(f"{self.machine.stack}.{one}" for one in ids)}
        if self.machine.path is not None:
            names |= {self.machine.path, self.machine.path.removesuffix("/Resource")}
        return (machine is None or machine in names) and (
            map_name is None or map_name in {self.name, self.state.get("Label")}
        )


class _Reading:
    """Reads one map, field by field."""

    def __init__(self, assembly: Assembly, chosen: _Map, function: str) -> None:
        self._map, self._lambda_function = chosen, _function(assembly, function)
        self._values: dict[str, Any] = {}
        self._places: dict[str, str] = {}
        self._missing: dict[str, str] = {}

    def settings(self) -> MapSettings:
        if self._map.stack.region is not None:
            self._found("region", self._map.stack.region, f"the Region of {self._map.stack.id}")
        self._batch()
        self._concurrency()
        self._children()
        self._reader()
        self._reducer()
        self._bucket()
        self._lambda()
        return MapSettings(
            map_name=self._map.name,
            machine=self._map.place,
            values=self._values,
            places=self._places,
            missing=self._missing,
        )

    def _found(self, name: str, value: object, place: str) -> None:
        self._values[name], self._places[name] = value, place

    def _batch(self) -> None:
        batcher = _mapping(self._map.state.get("ItemBatcher"))
        if not batcher:
            self._found("batch_size", 1, "no ItemBatcher")
        else:
            self._number("batch_size", batcher, "MaxItemsPerBatch", "ItemBatcher.")
            if "MaxItemsPerBatch" not in batcher and "batch_size" not in self._missing:
                self._missing["batch_size"] = "has batches of bytes, without ItemBatcher.MaxItemsPerBatch"

    def _concurrency(self) -> None:
        self._number("max_concurrency", self._map.state, "MaxConcurrency", "")
        # Left out or 0, as many as there may be.
        if not self._values.get("max_concurrency") and "max_concurrency" not in self._missing:
            self._found("max_concurrency", MAX_CONCURRENCY, "no MaxConcurrency")

    def _children(self) -> None:
        processor = _processor(self._map.state)
        kind = str(_mapping(processor.get("ProcessorConfig")).get("ExecutionType", "")).lower()
        if kind in set(Child):
            self._found("child", Child(kind), "ProcessorConfig.ExecutionType")
        else:
            self._missing["child"] = "has no ProcessorConfig.ExecutionType of EXPRESS or STANDARD"
        count = _most_states(processor)
        if count is None:
            self._missing["states_per_child"] = "has children with a loop or a Map, whose states can't be counted"
        else:
            self._found("states_per_child", count, "ItemProcessor.States")
        parent = self._map.machine.definition
        count = _most_states(parent)
        # The parent's are few beside the children's: a loop's states count once.
        self._found("parent_states", len(_states(parent)) if count is None else count, "States")

    def _reader(self) -> None:
        records = self._map.records
        if records is not None:
            raise ValueError(
                f"The map {self._map.name!r} of {self._map.place} reads {records}: its items are records, not objects; "
                "allowed: a listing, an S3 inventory, or a CSV whose headers or ItemSelector have a key. What records "
                "take can't be foreseen."
            )
        reader, before = self._map.reader, self._map.function_before
        api, config = _api(reader), _mapping(reader.get("ReaderConfig"))
        if api == "listObjectsV2":
            self._found("source", Source.LIST, f"ItemReader's {api}")
        elif before is None:
            self._found("source", Source.FILE, f"ItemReader's {api}, no function before the map")
        else:
            self._found("source", Source.INDEX, f"ItemReader's {api}, after the function of {before!r}")
        most = config.get("MaxItems")
        if isinstance(most, int) and most < DEFAULT_OBJECTS:
            self._found("objects", most, "ItemReader.ReaderConfig.MaxItems")

    def _reducer(self) -> None:
        after = self._map.function_after
        if after is None:
            self._found("reducer", Reducer.NONE, "no function after the map")
        else:
            self._found("reducer", Reducer.FUNCTION, f"{after!r}, after the map")

    def _bucket(self) -> None:
        reader = self._map.reader
        arguments = {**_mapping(reader.get("Parameters")), **_mapping(reader.get("Arguments"))}
        _, function = self._lambda_function or ("", {})
        variables = _mapping(_mapping(function.get("Environment")).get("Variables"))
        if NOAA in (arguments.get("Bucket"), *variables.values()):
            self._found("bucket", Bucket.PUBLIC, f"{NOAA}, NOAA's own")
        else:
            self._found("bucket", Bucket.OWN, f"not {NOAA}")

    def _lambda(self) -> None:
        if self._lambda_function is None:
            self._missing["function_memory_mb"] = "invokes a function that isn't in this assembly"
            self._found("handler", Handler.OTHER, "a function that isn't in this assembly")
            return
        logical_id, properties = self._lambda_function
        name = f"the function {_plain(logical_id)}"
        is_ours = properties.get("Handler") == _HANDLER
        self._found("handler", Handler.WIND_SPEED if is_ours else Handler.OTHER, f"{name}: Handler")
        memory = properties.get("MemorySize")
        if memory is None:
            self._found("function_memory_mb", _DEFAULT_MEMORY_MB, f"no MemorySize of {name}")
        else:
            self._number("function_memory_mb", properties, "MemorySize", f"{name}: ")
        if properties.get("ReservedConcurrentExecutions") is not None:
            self._number("lambda_concurrency", properties, "ReservedConcurrentExecutions", f"{name}: ")

    def _number(self, name: str, fields: Mapping[str, Any], field: str, before: str) -> None:
        """Read a whole number; an expression or a path in its place is known only when the execution runs."""
        value = fields.get(field)
        if isinstance(value, str) and re.fullmatch(r"[0-9]+", value):
            value = int(value)
        if _is_whole(value):
            self._found(name, value, f"{before}{field}")
        elif value is not None or f"{field}Path" in fields:
            self._missing[name] = f"has {before}{field} as an expression, known only when it runs"


def _maps_of(stack: Stack) -> Iterator[_Map]:
    for machine in stack.state_machines():
        for around in _maps_in(machine.definition):
            definition, name = around[-1]
            yield _Map(stack, machine, name, _states(definition)[name], around)


def _maps_in(definition: Mapping[str, Any]) -> Iterator[tuple[tuple[Mapping[str, Any], str], ...]]:
    for name, state in _states(definition).items():
        here = ((definition, name),)
        if _is_distributed(state):
            yield here
        for inner in (_processor(state), *_branches(state)):
            for found in _maps_in(inner):
                yield here + found


def _states(definition: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {name: _mapping(state) for name, state in _mapping(definition.get("States")).items()}


def _processor(state: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(state.get("ItemProcessor")) or _mapping(state.get("Iterator"))


def _api(reader: Mapping[str, Any]) -> str:
    return str(reader.get("Resource", "")).rpartition(":")[2]


def _is_distributed(state: Mapping[str, Any]) -> bool:
    return _mapping(_processor(state).get("ProcessorConfig")).get("Mode") == "DISTRIBUTED"


def _branches(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [_mapping(branch) for branch in state.get("Branches") or []]


def _mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object as it is, and none for anything else: definitions may be written by hand."""
    return value if isinstance(value, dict) else {}


def _next_states(state: Mapping[str, Any]) -> list[str]:
    ways = [*map(_mapping, state.get("Choices") or []), {"Next": state.get("Default")}, state]
    return list(dict.fromkeys(str(way["Next"]) for way in ways if way.get("Next")))


def _functions(definition: Mapping[str, Any]) -> Iterator[str]:
    """Yield the Lambda functions that the states invoke, in the order of the states."""
    states = _states(definition)
    ahead, seen = [definition.get("StartAt")], set()
    while ahead:
        name = ahead.pop(0)
        if name in seen or name not in states:
            continue
        seen.add(name)
        state = states[name]
        resource = str(state.get("Resource", ""))
        if _FUNCTION_ARN.fullmatch(resource):
            yield resource
        elif _INVOKE.fullmatch(resource):
            yield str({**_mapping(state.get("Parameters")), **_mapping(state.get("Arguments"))}.get("FunctionName", ""))
        for inner in (_processor(state), *_branches(state)):
            yield from _functions(inner)
        ahead += _next_states(state)


def _invoking(definition: Mapping[str, Any], *, before: str | None = None, after: str | None = None) -> Iterator[str]:
    """Yield the states that invoke a function themselves, of those `before` a state or `after` one; errors apart."""
    states = _states(definition)

    def reached(name: str) -> list[str]:
        found = _next_states(states[name])
        for following in found:
            found += [new for new in _next_states(states.get(following, {})) if new not in found]
        return found

    among = reached(after) if after is not None else [name for name in states if before in reached(name)]
    for name in among:
        state = states.get(name, {})
        # A distributed one's functions are its children's.
        alone = {"StartAt": name, "States": {name: state}}
        if not _is_distributed(state) and next(_functions(alone), None) is not None:
            yield name


def _most_states(definition: Mapping[str, Any]) -> int | None:
    """The states that a child enters on its longest way without an error; None where that depends on its items."""
    states = _states(definition)
    longest: dict[str, int | None] = {}

    def count(name: str) -> int | None:
        if name not in longest:
            longest[name] = None  # until it is counted: a way that comes back here is a loop
            longest[name] = _count(states[name]) if name in states else None
        return longest[name]

    def _count(state: Mapping[str, Any]) -> int | None:
        branches = [_most_states(branch) for branch in _branches(state)]
        ways = [count(following) for following in _next_states(state)]
        # A distributed one's states are its children's.
        inline = state.get("Type") == "Map" and not _is_distributed(state)
        if inline or None in branches or None in ways:
            return None
        return 1 + sum(n for n in branches if n is not None) + max((n for n in ways if n is not None), default=0)

    return count(str(definition.get("StartAt")))


def _function(assembly: Assembly, wanted: str) -> tuple[str, Mapping[str, Any]] | None:
    """The logical id and the properties of a function of the assembly, by its ARN, qualified or not."""

    def search(stack: Stack) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for logical_id, resource in stack.resources("AWS::Lambda::Function").items():
            arn = stack.resolve({"Fn::GetAtt": [logical_id, "Arn"]})
            if f"{wanted}:".startswith(f"{arn}:") or wanted == arn.rpartition(":")[2]:
                properties = resource.get("Properties", {})
                fields = ("MemorySize", "ReservedConcurrentExecutions")
                yield (
                    logical_id,
                    properties | {name: stack.resolve(properties[name]) for name in fields if name in properties},
                )
        for nested in stack.nested.values():
            yield from search(nested)

    return next((found for stack in assembly.stacks for found in search(stack)), None)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _plain(logical_id: str) -> str:
    """Return a logical id without the hash that CDK puts at its end."""
    return re.sub("[0-9A-F]{8}$", "", logical_id)


def _wanted(machine: str | None, map_name: str | None) -> str:
    return " of ".join(repr(name) for name in (map_name, machine) if name is not None)


def _list(maps: list[_Map]) -> str:
    return ", ".join(f"{one.name!r} of {one.place}" for one in maps)
