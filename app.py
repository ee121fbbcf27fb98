"""The CDK app: context -> Settings -> stacks. Needs no AWS account to synthesize."""

import os
import sys

from aws_cdk import App, Environment, Validations
from cdk_nag import AwsSolutionsChecks

from stacks.settings import Settings
from stacks.wind_speed import WindSpeedStack


def build(app: App) -> WindSpeedStack:
    """Add the stacks to `app`; the account and Region are those that the CDK CLI found, if any.

    Raises:
        ValueError: for a setting that can't be used, as one line.

    """
    settings = Settings.from_context(app.node.get_all_context())
    env = Environment(account=os.environ.get("CDK_DEFAULT_ACCOUNT"), region=os.environ.get("CDK_DEFAULT_REGION"))
    return WindSpeedStack(app, "WindSpeed", settings=settings, env=env)


def main(app: App) -> int:
    """Synthesize; return the exit code. A wrong setting is 2, what CDK or cdk-nag refuses is 1: one line on stderr."""
    try:
        build(app)
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        app.synth()
    except ValueError as error:
        return _fail(error, 2)
    except RuntimeError as error:
        # What jsii makes of every error of CDK's own; cdk-nag's findings stand on stderr by then.
        return _fail(error, 1)
    return 0


def _fail(error: Exception, code: int) -> int:
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(App()))
