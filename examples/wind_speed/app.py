"""The wind-speed workflow in an app of one's own: mph, the last two years, a state of one's own after each batch.

cdk synth --app "python examples/wind_speed/app.py"
"""

from aws_cdk import App, CfnOutput, Stack
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import AlarmTopic, ExecutionAlarms, GsodSource, WindSpeedWorkflow

app = App()
stack = Stack(app, "WindSpeedExample")

# Follows "Analyze batch" in each child execution, and passes its output on.
after_each_batch = sfn.Pass.jsonata(stack, "After each batch", outputs="{% $states.input %}")

workflow = WindSpeedWorkflow(
    stack,
    "WindSpeed",
    source=GsodSource.noaa(),
    unit="mph",
    years=[2023, 2024],
    processor=after_each_batch,
)
alarms = AlarmTopic(stack, "AlarmTopic", email="oncall@example.com")
ExecutionAlarms(stack, "Alarms", state_machine=workflow.state_machine, topic=alarms.topic)
CfnOutput(stack, "StateMachineArn", value=workflow.state_machine.state_machine_arn)

app.synth()
