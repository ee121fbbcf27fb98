"""Where each value of a job comes from: an option, a cloud assembly, or the wind-speed workflow's defaults."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from constructs_lib.forecast.job import Job
from constructs_lib.forecast.options import DEFAULTS
from constructs_lib.forecast.workflow import option_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_lib.forecast.workflow import MapSettings


class Origin(StrEnum):
    """What a setting was taken from."""

    OPTION = "option"
    COMPARISON = "comparison"
    ASSEMBLY = "cdk.out"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A value of a job; `place` is the option, or the field in the assembly, that it was read from."""

    value: Any
    origin: Origin
    place: str


Settings = dict[str, Setting]
"""By the field's name in a `Job`."""


def job_of(given: Mapping[str, Any], compared: Mapping[str, Any], read: MapSettings | None) -> tuple[Job, Settings]:
    """Return the job, and the settings that it was made of.

    What is compared or given has precedence over what was `read` from an assembly.

    Raises:
        ValueError: for what is both given and compared, for what is neither given nor in the assembly, and for what
            `Job` refuses: named as it was given.

    """
    for name in compared:
        if name in given:
            option = option_of(name)
            raise ValueError(
                f"{option} is given and compared, too. Fix: leave it out, or put it into --compare {option[2:]}=…."
            )
    settings = {
        name: Setting(value=value, origin=Origin.DEFAULT, place="the wind-speed workflow's")
        for name, value in DEFAULTS.items()
    }
    if read is not None:
        settings |= {
            name: Setting(value=value, origin=Origin.ASSEMBLY, place=read.places[name])
            for name, value in read.values.items()
        }
    for origin, values in ((Origin.OPTION, given), (Origin.COMPARISON, compared)):
        settings |= {name: Setting(value=value, origin=origin, place=option_of(name)) for name, value in values.items()}
    if "batch_size" in compared and "batch_seconds" in given:
        raise ValueError(
            "--batch-seconds is of batches of one size, and --compare batch-size has others. Fix: leave one out."
        )
    if read is not None:
        read.refuse_missing({*given, *compared})
    try:
        return Job(**{name: setting.value for name, setting in settings.items()}), settings
    except ValueError as error:
        raise ValueError(_renamed(str(error), settings, read)) from None


def _renamed(message: str, settings: Settings, read: MapSettings | None) -> str:
    """Name a setting in an error of `Job` as the user knows it."""
    found = re.match(r"forecast: (\w+) (?=is )", message)
    setting = None if found is None else settings.get(found[1])
    if found is None or setting is None:
        return message
    place = option_of(found[1])
    if setting.origin is Origin.COMPARISON:
        place = f"--compare {place.removeprefix('--')}"
    elif setting.origin is Origin.ASSEMBLY and read is not None:
        place = f"{setting.place} of the map {read.map_name!r} of {read.machine}"
    return f"{place} {message[found.end() :]}"
