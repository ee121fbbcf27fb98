"""Files of scenarios: YAML, read with the line of each error, and written so that they read back the same."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from constructs_lib.testing.alarm_scenarios import Expectation, Scenario, ScenarioResult, expected_states, judge
from constructs_lib.testing.alarm_simulation import AlarmSimulation
from constructs_lib.testing.alarm_states import AlarmState
from constructs_lib.testing.located_yaml import Block, Items, LocatedError, Text, read
from constructs_lib.testing.series_notation import MOST_MINUTES, compact, expand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from constructs_lib.assembly import Assembly
    from constructs_lib.testing.metrics import Metric

_T = TypeVar("_T")

_FILE_KEYS = ("scenarios", "shared")
_SCENARIO_KEYS = ("name", "about", "start", "minutes", "delay", "series", "alarms", "others")
_ALARM_KEYS = ("alarm", "states", "at", "state", "notifies")
_MINUTE = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,6})m?)?", re.ASCII)


class ScenarioFileError(ValueError):
    """A file of scenarios can't be used: `file:line: what was given; allowed: …`."""


def run_scenarios(path: Path | str, assembly: AlarmSimulation | Assembly | Path | str) -> tuple[ScenarioResult, ...]:
    """Judge the scenarios of a file by the alarms of an assembly, or of the folder that `cdk synth` wrote.

    ::

        for result in run_scenarios("scenarios.yaml", "cdk.out"):
            assert result, result.report

    Raises `ScenarioFileError`, and `NotAnAssembly`; both are `ValueError`s of one line.
    """
    simulation = assembly if isinstance(assembly, AlarmSimulation) else AlarmSimulation.read(assembly)
    with _located(path):
        return tuple(_at(block, judge, scenario, simulation) for block, scenario in _read(path, simulation))


def read_scenarios(path: Path | str, simulation: AlarmSimulation) -> tuple[Scenario, ...]:
    """Read a file's scenarios, every name and series in it checked; raises `ScenarioFileError`."""
    with _located(path):
        return tuple(scenario for _, scenario in _read(path, simulation))


@contextmanager
def _located(path: Path | str) -> Iterator[None]:
    """Put the file's name in front of an error."""
    try:
        yield
    except LocatedError as error:
        raise ScenarioFileError(f"{path}:{error.line}: {error}") from None
    except OSError as error:
        raise ScenarioFileError(f"{path}: it can't be read: {error.strerror}; allowed: a file of scenarios") from None


def _read(path: Path | str, simulation: AlarmSimulation) -> list[tuple[Block, Scenario]]:
    return _Reader(simulation).scenarios(read(Path(path)))


def write_scenarios(path: Path | str, scenarios: Iterable[Scenario]) -> None:
    """Write a file of scenarios; series of numbers are written in the notation's shortest form."""
    data = {"scenarios": [_written(scenario) for scenario in scenarios]}
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110)
    Path(path).write_text(text, "utf-8")


def _written(scenario: Scenario) -> dict[str, Any]:
    found: dict[str, Any] = {"name": scenario.name, "about": scenario.about}
    found["start"] = None if scenario.start == AlarmState.INSUFFICIENT_DATA else str(scenario.start)
    found |= {"minutes": scenario.minutes, "delay": scenario.delay or None}
    found["series"] = {
        key: points if isinstance(points, str) else compact(points) for key, points in scenario.series.items()
    }
    found["alarms"] = [_written_expectation(expectation) for expectation in scenario.alarms]
    found["others"] = scenario.others
    return {key: value for key, value in found.items() if value is not None and value not in ({}, [])}


def _written_expectation(expectation: Expectation) -> dict[str, Any]:
    found: dict[str, Any] = {"alarm": expectation.alarm}
    if expectation.states is not None:
        found["states"] = {minute: str(state) for minute, state in expectation.states.items()}
    if expectation.at is not None:
        found |= {"at": expectation.at, "state": str(expectation.state)}
    if expectation.notifies is not None:
        found["notifies"] = {
            minute: "anyone" if targets is None else list(targets) for minute, targets in expectation.notifies.items()
        }
    return found


class _Reader:
    """Turns located YAML into scenarios; every error is a `LocatedError`."""

    def __init__(self, simulation: AlarmSimulation) -> None:
        self.simulation = simulation

    def scenarios(self, file: Any) -> list[tuple[Block, Scenario]]:
        if file is None:
            raise LocatedError(1, "the file is empty; allowed: scenarios")
        found: list[tuple[Block, Scenario]] = []
        for each in _items(_required(_block(file, "the file", _FILE_KEYS), "scenarios"), "scenarios"):
            block = _block(each, "a scenario", _SCENARIO_KEYS)
            scenario = self.scenario(block)
            if any(scenario.name == other.name for _, other in found):
                raise LocatedError(block.line, f"two scenarios have the name {scenario.name!r}; allowed: one")
            found.append((block, scenario))
        if not found:
            raise LocatedError(file.line, "the file has no scenario; allowed: one or more")
        return found

    def scenario(self, block: Block) -> Scenario:
        name = str(_text(_required(block, "name"), "name"))
        series, longest = self.series(block)
        minutes = _whole(block["minutes"], max(longest, 1), MOST_MINUTES) if "minutes" in block else longest
        if minutes == 0:
            raise LocatedError(block.line, "the scenario has neither series nor minutes; allowed: one of them")
        alarms = [
            self.expectation(_block(each, "an alarm", _ALARM_KEYS), minutes)
            for each in (_items(block["alarms"], "alarms") if "alarms" in block else ())
        ]
        if not alarms and "others" not in block:
            raise LocatedError(block.line, "the scenario expects nothing; allowed: alarms, others, or both")
        return Scenario(
            name=name,
            about=str(_text(block["about"], "about")) if "about" in block else None,
            start=_state(block["start"]) if "start" in block else AlarmState.INSUFFICIENT_DATA,
            minutes=minutes,
            delay=_whole(block["delay"], 0, minutes - 1) if "delay" in block else 0,
            series=series,
            alarms=alarms,
            others=_state(block["others"]) if "others" in block else None,
        )

    def series(self, block: Block) -> tuple[dict[str, str], int]:
        """The series as they are written, and how long the longest is."""
        found: dict[str, str] = {}
        metrics: dict[Metric, Text] = {}
        longest = 0
        for key, points in (_block(block["series"], "series") if "series" in block else {}).items():
            metric = _at(key, self.simulation.metric, str(key))
            if metric in metrics:
                first = metrics[metric].line
                raise LocatedError(key.line, f"the metric {metric} has a series in line {first} already; allowed: one")
            metrics[metric] = key
            found[str(key)] = str(_text(points, "a series"))
            longest = max(longest, len(_at(points, expand, points)))
        return found, longest

    def expectation(self, block: Block, minutes: int) -> Expectation:
        alarm = _text(_required(block, "alarm"), "alarm")
        _at(alarm, self.simulation.alarm, str(alarm))
        states = None
        if "states" in block:
            given = _block(block["states"], "states")
            states = {_minute(minute, minutes): _state(state) for minute, state in given.items()}
        expectation = Expectation(
            alarm=str(alarm),
            states=states,
            at=_minute(block["at"], minutes) if "at" in block else None,
            state=_state(block["state"]) if "state" in block else None,
            notifies=self.notifies(block["notifies"], minutes) if "notifies" in block else None,
        )
        _at(block, expected_states, expectation, minutes)
        return expectation

    def notifies(self, given: Any, minutes: int) -> dict[int, Sequence[str] | None]:
        if isinstance(given, Items):
            return {_minute(minute, minutes): None for minute in given}
        found: dict[int, Sequence[str] | None] = {}
        for minute, targets in _block(given, "notifies").items():
            names = targets if isinstance(targets, Items) else [targets]
            anyone = names == ["anyone"]
            found[_minute(minute, minutes)] = None if anyone else [self.target(name) for name in names]
        return found

    def target(self, given: Any) -> str:
        name = _text(given, "a target")
        return str(_at(name, self.simulation.target, str(name)))


def _at(place: Any, function: Callable[..., _T], *arguments: Any) -> _T:
    """Call a function whose `ValueError` is about what stands at `place`."""
    try:
        return function(*arguments)
    except LocatedError:
        raise
    except ValueError as error:
        raise LocatedError(place.line, str(error)) from None


def _required(block: Block, key: str) -> Any:
    if key not in block:
        raise LocatedError(block.line, f"{key} is missing; fix: add it")
    return block[key]


def _block(given: Any, what: str, keys: Sequence[str] | None = None) -> Block:
    """A mapping, with these keys at most."""
    if not isinstance(given, Block):
        raise LocatedError(
            given.line, f"{what} is {_shown(given)}; allowed: a mapping" + (f" of {', '.join(keys)}" if keys else "")
        )
    for key in given:
        if keys is not None and key not in keys:
            raise LocatedError(key.line, f"{what} has the key {str(key)!r}; allowed: {', '.join(keys)}")
    return given


def _items(given: Any, what: str) -> Items:
    if not isinstance(given, Items):
        raise LocatedError(given.line, f"{what} is {_shown(given)}; allowed: a list")
    return given


def _text(given: Any, what: str) -> Text:
    if not isinstance(given, Text) or not given.strip():
        raise LocatedError(given.line, f"{what} is {_shown(given)}; allowed: text")
    return given


def _state(given: Any) -> str:
    if given not in list(AlarmState):
        raise LocatedError(given.line, f"the state is {_shown(given)}; allowed: {', '.join(AlarmState)}")
    return str(given)


def _whole(given: Any, low: int, high: int) -> int:
    number = int(given) if isinstance(given, Text) and re.fullmatch(r"\d{1,6}", given, re.ASCII) else -1
    if not low <= number <= high:
        raise LocatedError(
            given.line, f"{_shown(given)} isn't allowed here; allowed: a whole number from {low} to {high}"
        )
    return number


def _minute(given: Any, minutes: int) -> int:
    match = _MINUTE.fullmatch(given) if isinstance(given, Text) and given else None
    number = -1 if match is None else 60 * int(match[1] or 0) + int(match[2] or 0)
    if not 0 <= number < minutes:
        last = minutes - 1
        raise LocatedError(
            given.line, f"the minute is {_shown(given)}; allowed: 0 to {last}, such as 7, 7m, 1h or 1h30m"
        )
    return number


def _shown(given: Any) -> str:
    if isinstance(given, Items | Block):
        return "a list" if isinstance(given, Items) else "a mapping"
    return repr(str(given)) if given else "empty"
