"""The CDK app: context -> Settings -> stacks. Needs no AWS account to synthesize."""

import os
import sys

from aws_cdk import App, Environment, Stack, Validations
from cdk_nag import AwsSolutionsChecks

from stacks.load_test import LoadTestStack
from stacks.quotas import QuotasStack
from stacks.region import check_region, warn_of_unknown_region
from stacks.reviews import ReviewsSourceStack, ReviewsTargetStack
from stacks.settings import Settings
from stacks.wind_speed import WindSpeedStack


def build(app: App) -> tuple[Stack, ...]:
    """Add the stacks to `app` and return them.

    WindSpeed and Quotas go to the account and the Region that the CDK CLI found, if any; the review workflow's stacks,
    when the setting `accounts` asks for them, to those accounts, in the same Region; LoadTest, when the setting
    `load_test` asks for it, to the account that it names, which must be the one that the CDK CLI found.

    Raises:
        ValueError: for a setting or a Region that can't be used, as one line.

    """
    settings = Settings.from_context(app.node.get_all_context())
    region = os.environ.get("CDK_DEFAULT_REGION")
    if region is not None:
        check_region(region)
    own = Environment(account=os.environ.get("CDK_DEFAULT_ACCOUNT"), region=region)
    stacks: list[Stack] = [
        WindSpeedStack(app, "WindSpeed", settings=settings, env=own),
        QuotasStack(app, "Quotas", settings=settings, env=own),
    ]
    accounts = settings.accounts
    if accounts is not None:
        target = Environment(account=accounts.target, region=region)
        stacks.append(ReviewsTargetStack(app, "ReviewsTarget", settings=settings, accounts=accounts, env=target))
        stacks.extend(
            ReviewsSourceStack(
                app,
                f"ReviewsSource-{account}",
                settings=settings,
                account=account,
                target=accounts.target,
                env=Environment(account=account, region=region),
            )
            for account in accounts.source
        )
    load = settings.load_test
    if load is not None:
        env = Environment(account=own.account or load.account, region=region)
        stacks.append(LoadTestStack(app, "LoadTest", settings=load, env=env))
    if region is not None:
        warn_of_unknown_region(region, stacks)
    return tuple(stacks)


def main(app: App) -> int:
    """Synthesize, and say on stderr who may assume what; return the exit code.

    A wrong setting is 2, what CDK or cdk-nag refuses is 1: one line on stderr.
    """
    try:
        stacks = build(app)
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        app.synth()
    except ValueError as error:
        return _fail(error, 2)
    except RuntimeError as error:
        # What jsii makes of every error of CDK's own; cdk-nag's findings stand on stderr by then.
        return _fail(error, 1)
    for stack in stacks:
        if isinstance(stack, ReviewsTargetStack):
            for sentence in stack.target_role.trust_in_words:
                print(f"{stack.node.id}: {sentence}", file=sys.stderr)
    return 0


def _fail(error: Exception, code: int) -> int:
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(App()))
