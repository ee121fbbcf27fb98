"""A SAM app brought to CDK: `template.json` is what SAM's own transform (1.115.0) made of `template.yaml`, as it is."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import cloudformation_include as include

app = cdk.App()
stack = cdk.Stack(app, "Imports")
include.CfnInclude(stack, "Template", template_file=str(Path(__file__).parent / "template.json"))
app.synth()
