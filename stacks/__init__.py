"""The deployable app's stacks: wiring, alarms and outputs around the constructs of `constructs_lib`."""
