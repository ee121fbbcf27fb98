"""Warnings at synth: what a map's settings will run into, as far as it is certain before anything runs.

Each is an annotation with an id, silenced by `Annotations.of(map).acknowledge_warning(id)`. What only a run shows, such
as how long a batch takes, is the forecast's: `python -m constructs_lib.forecast`. A value that is known at deployment
only raises no warning, nor does a limit of a Region that isn't known yet.

Limits: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html, of Lambda
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from aws_cdk import Annotations, Stack, Token
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib._checks import is_token
from constructs_lib.forecast.constants import CONSTANTS
from constructs_lib.forecast.job import MAX_INPUT_BYTES
from constructs_lib.forecast.result import Case
from constructs_lib.quotas.catalogue import STATE_TRANSITIONS, lambda_concurrency
from constructs_lib.retries import EXPRESS_SECONDS

LAMBDA_CONCURRENCY = "step-functions-at-scale:lambdaConcurrencyBelowMap"
"""Id of the warning about more children than their function may run at a time."""

DISPATCH = "step-functions-at-scale:childrenOverDispatchLimit"
"""Id of the warning about more children than can be started before the first of them have ended."""

TRANSITIONS = "step-functions-at-scale:transitionsOverRegionLimit"
"""Id of the warning about Standard children that make more state transitions than the Region has."""

BATCH = "step-functions-at-scale:batchOverInputLimit"
"""Id of the warning about more items a batch than its input has room for."""

EXPRESS_CHILD = "step-functions-at-scale:childOutlivesExpress"
"""Id of the warning about states that an Express child has no time for."""


def warn_of_concurrency(construct: Construct, function: lambda_.IFunction, max_concurrency: int) -> None:
    """Warn when the map runs more children than the function's reserved concurrency, or the account's, which is 1,000.

    An account's own may be less or more: nothing tells at synth.
    """
    if is_token(max_concurrency):
        return
    reserved = _reserved_concurrency(function)
    account = lambda_concurrency("any").documented
    assert account is not None  # noqa: S101 - the catalogue has it
    if reserved is not None and reserved < max_concurrency:
        _warn(
            construct,
            LAMBDA_CONCURRENCY,
            f"max_concurrency is {max_concurrency:,}, but the function's reserved concurrency is {reserved:,}: Lambda "
            "refuses the rest, and their tasks are retried. Lower the one or raise the other.",
        )
    elif reserved is None and max_concurrency > account.limit:
        _warn(
            construct,
            LAMBDA_CONCURRENCY,
            f"max_concurrency is {max_concurrency:,}, but the functions of an account have a Lambda concurrency of "
            f"{account.limit:,} together, unless it asked for more: Lambda refuses the rest, and their tasks are "
            "retried. Lower max_concurrency, or acknowledge this when your account has more.",
        )


def warn_of_dispatch(
    construct: Construct, child_type: sfn.StateMachineType, max_concurrency: int, function: lambda_.IFunction
) -> None:
    """Warn when so many children never run at a time: the first end, by their timeout, before the last is started."""
    timeout = _timeout(function)
    if is_token(max_concurrency) or timeout is None:
        return
    standard = child_type is sfn.StateMachineType.STANDARD
    a_second = (CONSTANTS.standard_dispatch if standard else CONSTANTS.express_dispatch).likely
    if a_second * timeout < max_concurrency:
        _warn(
            construct,
            DISPATCH,
            f"max_concurrency is {max_concurrency:,}, but Step Functions starts {a_second:,g} {child_type.name} "
            f"children a second, and the function ends after {timeout:g} s: no more than {a_second * timeout:,.0f} run "
            f"at a time. {'Use child_type EXPRESS, or larger batches' if standard else 'Use larger batches'}.",
        )


def warn_of_transitions(construct: Construct, max_concurrency: int, states: Mapping[str, Any], start_at: str) -> None:
    """Warn when Standard children, as fast as they can be started, enter more states a second than the Region has."""
    region = Stack.of(construct).region
    if is_token(max_concurrency) or Token.is_unresolved(region):
        return
    documented = STATE_TRANSITIONS.documented_in(region)
    assert documented is not None  # noqa: S101 - the catalogue has both kinds of Region
    a_child = _states_entered(states, start_at)
    by_dispatch = CONSTANTS.standard_dispatch.likely * a_child
    by_concurrency = max_concurrency / CONSTANTS.state_seconds.at(Case.OPTIMISTIC)
    a_second = min(by_dispatch, by_concurrency)
    if a_second > documented.limit:
        _warn(
            construct,
            TRANSITIONS,
            f"STANDARD children enter up to {a_child} states each, which makes up to {a_second:,.0f} state transitions "
            f"a second, but an account has {documented.limit:,} in {region}, for all of its Standard workflows: the "
            "rest waits. Use child_type EXPRESS, or lower max_concurrency.",
        )


def warn_of_batch(construct: Construct, items: int | None, max_bytes: int | None, least_item_bytes: int) -> None:
    """Warn when the items of a batch don't fit into its input, even if all keys were as short as they can be."""
    if items is None or is_token(items) or (max_bytes is not None and is_token(max_bytes)):
        return
    room = MAX_INPUT_BYTES if max_bytes is None else max_bytes
    # A comma between two items.
    if items * (least_item_bytes + 1) - 1 > room:
        _warn(
            construct,
            BATCH,
            f"max_items_per_batch is {items:,}, but a batch's input has room for {room:,} bytes, at most "
            f"{(room + 1) // (least_item_bytes + 1):,} items of {least_item_bytes} bytes or more: Step Functions makes "
            "smaller batches, so more children. Ask for fewer items.",
        )


def warn_of_express_child(
    construct: Construct, states: Mapping[str, Any], start_at: str, function: lambda_.IFunction | None
) -> None:
    """Warn when an Express child's waits and timeouts, or its function's, come to five minutes or more."""
    waits, timeout = _seconds_allowed(states, start_at), (_timeout(function) if function is not None else None) or 0
    if waits + timeout >= EXPRESS_SECONDS:
        _warn(
            construct,
            EXPRESS_CHILD,
            f"An Express child ends after {EXPRESS_SECONDS} s, but its waits and timeouts add up to "
            f"{waits + timeout:,.0f} s. Shorten them, or use child_type STANDARD.",
        )


def _warn(construct: Construct, warning_id: str, text: str) -> None:
    Annotations.of(construct).add_warning_v2(warning_id, text)


def _reserved_concurrency(function: lambda_.IFunction) -> int | None:
    """None where there is none, and where it isn't known: of an imported function, an alias, a token."""
    resource = function.node.default_child if isinstance(function, lambda_.Function) else None
    if not isinstance(resource, lambda_.CfnFunction):
        return None
    reserved = resource.reserved_concurrent_executions
    return None if reserved is None or is_token(reserved) else int(reserved)


def _timeout(function: lambda_.IFunction) -> float | None:
    """None where it isn't known; a function that has none ends after 3 seconds."""
    if not isinstance(function, lambda_.Function):
        return None
    timeout = function.timeout
    if timeout is None:
        return 3
    return None if timeout.is_unresolved() else cast("float", timeout.to_seconds(integral=False))


# Rendered states, as far as they are certain: a loop is gone through once, and so is an inline map.


def _states_entered(states: Mapping[str, Any], start_at: str) -> int:
    def of(state: Mapping[str, Any]) -> float:
        return 1 + sum(_states_entered(inner["States"], inner["StartAt"]) for inner in _inner(state))

    return int(_longest(states, start_at, {name: of(state) for name, state in states.items()}))


def _seconds_allowed(states: Mapping[str, Any], start_at: str) -> float:
    def of(state: Mapping[str, Any]) -> float:
        own = [state.get(key) for key in ("Seconds", "TimeoutSeconds")]
        known = max((each for each in own if isinstance(each, int | float)), default=0)
        return known + max((_seconds_allowed(inner["States"], inner["StartAt"]) for inner in _inner(state)), default=0)

    return _longest(states, start_at, {name: of(state) for name, state in states.items()})


def _inner(state: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return [*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]


def _longest(states: Mapping[str, Any], start_at: str, weights: Mapping[str, float]) -> float:
    """The heaviest way through the states; where one was entered before, or an error is caught, it ends."""
    found: dict[str, float] = {}

    def from_state(name: str) -> float:
        if name not in found:
            found[name] = 0  # while it is on the way
            state = states[name]
            choices = (choice.get("Next") for choice in state.get("Choices", ()))
            following = {state.get("Next"), state.get("Default"), *choices} - {None}
            found[name] = weights[name] + max(map(from_state, following), default=0)
        return found[name]

    return from_state(start_at)
