"""What moto does anew for each state, done once.

A JSONPath is parsed by a parser that is built for it: for the default `$` of a ResultPath alone, a sixth of what
an execution of small states takes.
"""

import functools

from moto.stepfunctions.parser.asl.component.common.path import result_path

from constructs_lib.local.emulator.patches import replace

_KEPT_PATHS = 1024


def install() -> None:
    """Keep parsed paths; they have no state."""
    replace(result_path, "parse", functools.lru_cache(maxsize=_KEPT_PATHS)(result_path.parse))
