"""A definition's states, those inside a Map or a Parallel too, read off its Amazon States Language."""

from collections.abc import Iterator, Mapping
from typing import Any


def every_state(
    states: Mapping[str, Any], *, in_distributed_map: bool = False
) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Yield each state, the outer first: its name, itself, and whether it is inside a Distributed Map."""
    for name, state in states.items():
        yield name, state, in_distributed_map
        for branch in state.get("Branches", []):
            yield from every_state(branch["States"], in_distributed_map=in_distributed_map)
        processor = state.get("ItemProcessor", state.get("Iterator"))
        if processor is not None:
            distributed = processor.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED"
            yield from every_state(processor["States"], in_distributed_map=in_distributed_map or distributed)
