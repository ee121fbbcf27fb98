"""Series of metrics in a file of alarm scenarios: written, also with what the alarms make of them, and read back.

The format is that of docs/alarm-scenarios.md; it needs PyYAML. Errors are `ValueError`s of one line, those of a file
with its name and line.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from constructs_lib.forecast.metrics import key_of
from constructs_lib.quotas.catalogue import MAP_RUNS
from constructs_lib.testing import Expectation, Scenario, write_scenarios
from constructs_lib.testing.alarms import UnreadableAlarm
from constructs_lib.testing.located_yaml import Block, Items, LocatedError, Text, read
from constructs_lib.testing.metrics import Metric
from constructs_lib.testing.series_notation import ALLOWED, expand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs_lib.forecast.metrics import MetricSeries
    from constructs_lib.testing import AlarmHistory, AlarmSimulation
    from constructs_lib.testing.alarms import Alarm

_MAY_HAVE_GAPS = key_of(MAP_RUNS.backlog)  # in any account: it has no dimensions
_AGAIN = "save the series again"


def save(
    series: MetricSeries,
    path: Path | str,
    *,
    name: str,
    about: str | None = None,
    alarms: AlarmSimulation | None = None,
) -> None:
    """Write the series as a file of one scenario.

    With `alarms` it has the series that those ask for, and expects what they make of them: which of them are in alarm,
    from which minute to which, and all others OK. Without, it has all series and expects nothing: a record that
    `read_series` reads, and that `python -m constructs_lib.testing` refuses. Points are rounded to thousandths.
    """
    series = {key: [None if point is None else round(point, 3) for point in points] for key, points in series.items()}
    if alarms is None:
        write_scenarios(path, [Scenario(name=name, about=about, series=series)])
        return
    asked_for = series_asked_for(series, alarms)
    history = alarms.run(asked_for, start="OK")
    judged = [alarm for alarm in alarms.alarms if not isinstance(alarm, UnreadableAlarm)]
    scenario = Scenario(
        name=name,
        about=about,
        start="OK",
        series=asked_for,
        alarms=[expected for alarm in judged if (expected := _expectation(alarm, history)) is not None],
        others="OK" if len(judged) == len(alarms.alarms) else None,
    )
    write_scenarios(path, [scenario])


def series_asked_for(series: MetricSeries, alarms: AlarmSimulation) -> dict[str, Sequence[float | None]]:
    """Return those of the series that an alarm asks for; `AlarmSimulation.run` refuses others."""
    asked_for = {str(metric) for metric in alarms.metrics}
    return {key: points for key, points in series.items() if str(Metric.parse(key)) in asked_for}


def read_series(path: Path | str, *, scenario: str | None = None) -> dict[str, list[float | None]]:
    """Return a scenario's series, every one with a point each minute; a backlog has one only while there is one.

    `scenario` is the name of one; omitted, the file has one alone.

    Raises:
        ValueError: for a file that isn't one of scenarios, another name, and a series with a gap.

    """
    try:
        return _complete_series(_chosen(Path(path), scenario))
    except LocatedError as error:
        raise ValueError(f"{path}:{error.line}: {error}") from None
    except OSError as error:
        raise ValueError(f"{path}: it can't be read: {error.strerror}; allowed: a file of scenarios") from None


def _expectation(alarm: Alarm, history: AlarmHistory) -> Expectation | None:
    states = history.states(alarm)
    changes = {minute: after for minute, (before, after) in enumerate(pairwise(states), start=1) if before is not after}
    if not changes and states[0] == "OK":
        return None
    return Expectation(alarm=alarm.path, states={0: states[0]} | changes)


def _chosen(path: Path, name: str | None) -> Block:
    file = read(path)
    scenarios = file.get("scenarios") if isinstance(file, Block) else None
    if not isinstance(scenarios, Items) or not scenarios or not all(isinstance(each, Block) for each in scenarios):
        raise LocatedError(1, "it has no scenarios; allowed: a file of scenarios, such as --save-scenario writes")
    names = [str(each.get("name")) for each in scenarios]
    if name is None and len(scenarios) > 1:
        raise LocatedError(scenarios.line, f"it has {len(scenarios)} scenarios; allowed: the name of one. Say which")
    if name is not None and name not in names:
        raise LocatedError(scenarios.line, f"no scenario has the name {name!r}; allowed: {', '.join(names)}")
    found: Block = scenarios[0 if name is None else names.index(name)]
    return found


def _complete_series(scenario: Block) -> dict[str, list[float | None]]:
    series = scenario.get("series")
    if not isinstance(series, Block) or not series:
        raise LocatedError(scenario.line, f"the scenario has no series; allowed: one or more. {_AGAIN.capitalize()}")
    parsed = [(key, _metric(key), _points(key, text)) for key, text in series.items()]
    minutes = max(len(points) for _, _, points in parsed)
    found: dict[str, list[float | None]] = {}
    for key, metric, points in parsed:
        if str(metric) in found:
            raise LocatedError(key.line, f"the metric {metric} has two series; allowed: one")
        whole = [*points, *[None] * (minutes - len(points))]
        if None in whole and metric.head != _MAY_HAVE_GAPS:
            raise LocatedError(
                key.line,
                f"{metric} has no point in minute {whole.index(None)}; allowed: one in each of the {minutes} minutes. "
                f"Write it in place of the gap, or {_AGAIN}",
            )
        found[str(metric)] = whole
    return found


def _metric(key: Text) -> Metric:
    try:
        return Metric.parse(key)
    except ValueError as error:
        raise LocatedError(key.line, str(error)) from None


def _points(key: Text, text: object) -> list[float | None]:
    if not isinstance(text, str) or not text.strip():
        raise LocatedError(key.line, f"{key} has no points; allowed: {ALLOWED}")
    try:
        return expand(text)
    except ValueError as error:
        raise LocatedError(key.line, str(error)) from None
