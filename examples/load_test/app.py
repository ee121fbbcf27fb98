"""Load of one's own: ten seconds of 1,600 state transitions each, and a hundred map runs that stay open for 3 minutes.

cdk synth --app "python examples/load_test/app.py"

Nothing runs until somebody starts a driver's execution. Deploy it to an account that can bear it: its quotas are shared
by everything there.
"""

from aws_cdk import App, Duration, Stack

from constructs_lib import LoadDriver, LoadProfile, OpenMapRunLoad, StateTransitionLoad

app = App()
stack = Stack(app, "Load")

LoadDriver(
    stack,
    "Burst",
    target=StateTransitionLoad(stack, "Transitions", transitions=1_600),
    profile=LoadProfile(tuple((second, 1) for second in range(10))),
    max_dollars=1,
)
LoadDriver(
    stack,
    "Crowd",
    target=OpenMapRunLoad(stack, "MapRuns", hold=Duration.minutes(3)),
    profile=LoadProfile.ramp_and_hold(starts_per_second=2, ramp_seconds=30, hold_seconds=35),
    max_dollars=1,
)

app.synth()
