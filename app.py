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


def main() -> None:
    """Synthesize; a wrong setting is one line on stderr and exit code 2."""
    app = App()
    try:
        build(app)
    except ValueError as error:
        sys.exit(_fail(error))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


def _fail(error: ValueError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
