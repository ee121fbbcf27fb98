"""The stacks of the review workflow: ReviewsTarget in the central account, a ReviewsSource in each consumer's.

Either can be deployed first: they refer to each other by names that stand here, and share nothing else.
"""

from aws_cdk import Acknowledgment, CfnOutput, Environment, Stack, Token
from constructs import Construct

from constructs_lib import (
    AccessDeniedAlarm,
    AlarmTopic,
    ChildWorkflow,
    ExecutionAlarms,
    ReviewClassifier,
    ReviewIntake,
    TargetRole,
    WorkflowIdentity,
)
from stacks.acknowledgements import acknowledge
from stacks.settings import RETENTION, AccountsSetting, Settings

CHILD = "review-classifier"
PARENT = "review-intake"

_NO_RESOURCE = Acknowledgment(
    id="AwsSolutions-IAM5[Resource::*]",
    reason="X-Ray and the delivery of a state machine's logs have no narrower resource: "
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html, "
    "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy.",
)


class ReviewsTargetStack(Stack):
    """The child, the role by which the source accounts' parents run it, and an alarm on callers that are denied."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        accounts: AccountsSetting,
        env: Environment | None = None,
    ) -> None:
        super().__init__(
            scope, construct_id, env=env, description="Judges product reviews for other accounts' state machines."
        )
        self.alarm_topic = AlarmTopic(self, "AlarmTopic", email=settings.alarm_email)
        topic = self.alarm_topic.topic
        self.classifier = ReviewClassifier(
            self,
            "Classifier",
            state_machine_name=CHILD,
            model_id=settings.review_model_id,
            topic=topic,
            removal_policy=settings.removal_policy,
            log_retention=RETENTION[settings.log_retention_days],
            include_execution_data=settings.include_execution_data,
        )
        self.target_role = TargetRole(
            self,
            "TargetRole",
            child=self.classifier.state_machine,
            callers=[WorkflowIdentity(account=source, state_machine_name=PARENT) for source in accounts.source],
            organization_id=settings.organization_id,
        )
        ExecutionAlarms(self, "Alarms", state_machine=self.classifier.state_machine, topic=topic)
        AccessDeniedAlarm(self, "AccessDenied", topic=topic, runbook="docs/runbook-parent-still-runs.md")
        CfnOutput(
            self,
            "StateMachineArn",
            value=self.classifier.state_machine.state_machine_arn,
            description="What the parents run.",
        )
        CfnOutput(
            self,
            "TargetRoleArn",
            value=self.target_role.role.role_arn,
            description="What the parents assume to run it.",
        )
        CfnOutput(
            self, "FakeReviewsTableName", value=self.classifier.table.table_name, description="Holds the fake reviews."
        )
        CfnOutput(
            self, "AlarmTopicArn", value=topic.topic_arn, description="Subscribe to hear of fakes and of failures."
        )
        self._acknowledge()

    def _acknowledge(self) -> None:
        region = "<AWS::Region>" if Token.is_unresolved(self.region) else self.region
        acknowledge(
            self.classifier,
            _NO_RESOURCE,
            Acknowledgment(
                id="AwsSolutions-IAM5[Action::kms:GenerateDataKey*]",
                reason="What SNS asks of a publisher, on the one key of the topic: "
                "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html.",
            ),
        )
        acknowledge(
            self.classifier,
            Acknowledgment(
                id="AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:bedrock:*::foundation-model/"
                f"{self.classifier.foundation_model_id}]",
                reason="An inference profile chooses the Region; the statement holds for that profile only: "
                "https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html.",
            ),
        )
        acknowledge(
            self.target_role,
            Acknowledgment(
                id=f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:states:{region}:{self.account}:execution:{CHILD}:*]",
                reason="The executions of the one child: their names aren't known before they start.",
            ),
        )


class ReviewsSourceStack(Stack):
    """The parent: takes a review, has the child of the target account judge it, and goes on by the verdict."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        account: str,
        target: str,
        env: Environment | None = None,
    ) -> None:
        super().__init__(
            scope, construct_id, env=env, description="Has product reviews judged by another account's state machine."
        )
        self.intake = ReviewIntake(
            self,
            "Intake",
            child=ChildWorkflow.in_account(account=target, state_machine_name=CHILD),
            identity=WorkflowIdentity(account=account, state_machine_name=PARENT),
            log_retention=RETENTION[settings.log_retention_days],
            include_execution_data=settings.include_execution_data,
        )
        self.alarm_topic = AlarmTopic(self, "AlarmTopic", email=settings.alarm_email)
        ExecutionAlarms(self, "Alarms", state_machine=self.intake.state_machine, topic=self.alarm_topic.topic)
        machine = self.intake.state_machine.state_machine_arn
        CfnOutput(self, "StateMachineArn", value=machine, description="Start an execution of this with a review.")
        CfnOutput(
            self,
            "ConsoleUrl",
            value=f"https://{self.region}.console.aws.amazon.com/states/home?region={self.region}"
            f"#/statemachines/view/{machine}",
            description="The state machine in the console.",
        )
        CfnOutput(
            self,
            "AlarmTopicArn",
            value=self.alarm_topic.topic.topic_arn,
            description="Subscribe to hear of failed executions.",
        )
        acknowledge(self.intake, _NO_RESOURCE)
