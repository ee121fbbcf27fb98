"""ReviewClassifier and ReviewIntake: product reviews judged by a Bedrock model, in a nested workflow.

The child, ReviewClassifier, belongs to a central account: it asks the model, records what is fake and tells a topic.
The parent, ReviewIntake, belongs to each account that has reviews: it runs the child and goes on by its verdict, which
is fake, real or unsure. Both are Standard state machines in JSONata; a review or an answer that can't be used ends in a
Fail state that says what was given and what is allowed. The request is Bedrock's Converse, alike for all of its models:
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

import re

from aws_cdk import Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from constructs_lib import _review_expressions as review
from constructs_lib._checks import check_kind, check_removal_policy, usage_error
from constructs_lib._lambda_task import jsonata
from constructs_lib._nested_task import check_timeout
from constructs_lib._query_language import jsonpath_in_chain
from constructs_lib._state_machine_log import log_everything, state_machine_log
from constructs_lib._workflow_identity import check_machine_name, runs_only
from constructs_lib.alerts import AlarmTopic
from constructs_lib.cross_account import ChildFailure, ChildWorkflow, NestedWorkflow, WorkflowIdentity, WorkflowRole
from constructs_lib.distributed_map import is_chain
from constructs_lib.retries import RetryPolicy, RetryRule

__all__ = ["BEDROCK_RETRIES", "MODEL_ID", "MODEL_ID_PATTERN", "ReviewClassifier", "ReviewIntake"]

MODEL_ID = "amazon.nova-lite-v1:0"
"""Where it is offered in the Region itself, no review leaves the Region: us-east-1."""

# Of the model's answer; the one object that is asked for has some 80.
_MAX_TOKENS = 300
_MODEL_TIMEOUT = Duration.seconds(60)
_STORE_TIMEOUT = Duration.seconds(30)
_YEAR_SECONDS = 365 * 24 * 3600

# https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
_PROFILE = r"(?:us|us-gov|eu|apac|au|ca|jp|global)\."
MODEL_ID_PATTERN = rf"(?:{_PROFILE})?[a-z0-9-]+\.[a-z0-9-]+(?:[.:][a-z0-9-]+)*"
"""Matches what may be the id of a foundation model or of an inference profile: which there are, Bedrock knows."""

BEDROCK_RETRIES = RetryPolicy(
    (
        # Over the account's requests or tokens a minute: refused at once, and a minute later welcome.
        RetryRule(
            errors=("BedrockRuntime.ThrottlingException",), max_attempts=8, max_delay_seconds=60, attempt_seconds=0
        ),
        RetryRule(
            errors=(
                "BedrockRuntime.InternalServerException",
                "BedrockRuntime.ModelErrorException",
                "BedrockRuntime.ModelNotReadyException",
                "BedrockRuntime.ModelTimeoutException",
                "BedrockRuntime.SdkClientException",
                "BedrockRuntime.ServiceUnavailableException",
            ),
            max_attempts=4,
        ),
        RetryRule(errors=("States.Timeout",), max_attempts=1),
    )
)
"""The retries of a call of Bedrock by its SDK integration, for a workflow that has ten minutes."""

_STORE_RETRIES = RetryPolicy((RetryRule(errors=("States.TaskFailed", "States.Timeout"), max_attempts=3),))


class ReviewClassifier(Construct):
    """A state machine that judges a product review, and a table of the fake ones.

    An execution's input: `{"ProductId": "kettle-1", "ReviewId": "r-17", "ReviewText": "…", "Stars": 5}`. Stars are
    optional; ReviewText is in any language and has at most 20,000 characters. Its output: `{"ProductId": "kettle-1",
    "ReviewId": "r-17", "Verdict": "fake", "Confidence": 0.9, "Reason": "…"}`, with a verdict of fake, real or unsure.
    It fails with InvalidReview, with InvalidModelAnswer, or with the error of the service that it couldn't reach.

    The model gets the text as a JSON string in the user message, and is told that nothing in it is an instruction. That
    makes an injected verdict harder, not impossible: let nobody lose anything by a verdict that can't be undone.

    A fake review is recorded by its ids, so that the same one twice is one item, without its text; then the topic hears
    of it.

    Example::

        classifier = ReviewClassifier(self, "Reviews", model_id="eu.amazon.nova-lite-v1:0")
        TargetRole(self, "TargetRole", child=classifier.state_machine, callers=callers)

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`.
        state_machine_name: A name of your choice: the callers' accounts have to know it.
        model_id: Of a foundation model that the stack's Region has (`amazon.nova-lite-v1:0`), or of an inference
            profile, which sends reviews to other Regions (`eu.amazon.nova-lite-v1:0`,
            `global.amazon.nova-2-lite-v1:0`). It must take a system prompt and a temperature. Access to the model is
            the account's own to get: Anthropic's models, for one, want a form filled in first.
        topic: Hears of each fake review. Omitted: an AlarmTopic, whose key is about $1 a month. The key of a topic of
            yours must be known to it, so that the state machine may use it.
        retry_policy: For the calls of the model. With a longer one, give a longer `timeout`.
        timeout: Of an execution, retries and all.
        removal_policy: DESTROY deletes the table, with everything in it, together with the stack. Omitted: RETAIN.
        log_retention: Of the state machine's log, which goes with the stack.
        include_execution_data: Whether that log holds the reviews, too.

    Raises:
        ValueError: for a value that can't work, with what is allowed.

    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        state_machine_name: str = "review-classifier",
        model_id: str = MODEL_ID,
        topic: sns.ITopic | None = None,
        retry_policy: RetryPolicy = BEDROCK_RETRIES,
        timeout: Duration | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        include_execution_data: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        self._check(state_machine_name, model_id, topic, retry_policy, timeout, removal_policy)
        self._model_id = model_id
        self._retry_policy = retry_policy
        self._topic = AlarmTopic(self, "Topic").topic if topic is None else topic
        self._table = dynamodb.Table(
            self,
            "FakeReviews",
            partition_key=dynamodb.Attribute(name="ProductId", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="ReviewId", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=removal_policy,
        )
        self._log_group = state_machine_log(self, "Logs", log_retention)
        self._state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=state_machine_name,
            role=iam.Role(self, "Role", assumed_by=runs_only(self, Stack.of(self).account, state_machine_name)),
            definition_body=sfn.DefinitionBody.from_chainable(self._definition()),
            query_language=sfn.QueryLanguage.JSONATA,
            timeout=Duration.minutes(10) if timeout is None else timeout,
            tracing_enabled=True,
            logs=log_everything(self._log_group, include_execution_data=include_execution_data),
        )
        if self._topic.master_key is not None:
            # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#sns-what-permissions-for-sse
            self._topic.master_key.grant(self._state_machine, "kms:Decrypt", "kms:GenerateDataKey*")

    @property
    def state_machine(self) -> sfn.StateMachine:
        """The child: give it to a TargetRole, or to ChildWorkflow.in_this_account."""
        return self._state_machine

    @property
    def table(self) -> dynamodb.Table:
        """The fake reviews: ProductId, ReviewId, Confidence, Reason, ModelId, RecordedAt, ExecutionArn."""
        return self._table

    @property
    def foundation_model_id(self) -> str:
        """The model's own id, which an inference profile's ends in."""
        return re.sub(f"^{_PROFILE}", "", self._model_id)

    @property
    def topic(self) -> sns.ITopic:
        """Hears of each fake review."""
        return self._topic

    @property
    def log_group(self) -> logs.LogGroup:
        """The state machine's log."""
        return self._log_group

    def _check(
        self,
        state_machine_name: str,
        model_id: str,
        topic: sns.ITopic | None,
        retry_policy: RetryPolicy,
        timeout: Duration | None,
        removal_policy: RemovalPolicy,
    ) -> None:
        check_machine_name(self.node.path, "state_machine_name", state_machine_name)
        known = isinstance(model_id, str) and not Token.is_unresolved(model_id)
        if not known or not re.fullmatch(MODEL_ID_PATTERN, model_id):
            raise usage_error(
                self,
                "model_id",
                model_id,
                allowed=f"the id of a foundation model such as {MODEL_ID}, or of an inference profile such as "
                f"eu.{MODEL_ID}",
                fix="Take it from Bedrock's model catalog; an ARN isn't an id.",
            )
        # A jsii interface, which isinstance() can't tell.
        if topic is not None and (not hasattr(topic, "topic_arn") or topic.fifo):
            raise usage_error(
                self, "topic", topic, allowed="a topic that isn't FIFO", fix="Use sns.Topic, or leave it out."
            )
        check_kind(self, "retry_policy", retry_policy, RetryPolicy, fix="Use BEDROCK_RETRIES, or a RetryPolicy(…).")
        if timeout is not None:
            check_timeout(self.node.path, "timeout", timeout, longest_seconds=_YEAR_SECONDS)
        check_removal_policy(self, removal_policy, fix="Keep the table with RETAIN.")

    # The states

    def _definition(self) -> sfn.IChainable:
        invalid_answer = sfn.Fail.jsonata(
            self, "InvalidModelAnswer", error="InvalidModelAnswer", cause=jsonata(review.INVALID_ANSWER_CAUSE)
        )
        done = sfn.Succeed.jsonata(self, "Done")
        route = (
            sfn.Choice.jsonata(self, "Route")
            .when(
                sfn.Condition.jsonata(jsonata(review.is_verdict("fake"))),
                self._record().next(self._notify()).next(done),
            )
            .when(sfn.Condition.jsonata(jsonata(review.is_verdict("real", "unsure"))), done)
            .otherwise(invalid_answer)
        )
        return self._check_review(self._ask().next(route))

    def _check_review(self, rest: sfn.IChainable) -> sfn.Choice:
        invalid = sfn.Fail.jsonata(self, "InvalidReview", error="InvalidReview", cause=jsonata("$problem"))
        choice = sfn.Choice.jsonata(self, "Check review")
        for check in review.CHECKS:
            choice.when(
                sfn.Condition.jsonata(jsonata(check.condition)), invalid, assign={"problem": jsonata(check.problem)}
            )
        return choice.otherwise(rest)

    def _ask(self) -> tasks.CallAwsService:
        first, *more = self._invoke_model()
        ask = tasks.CallAwsService.jsonata(
            self,
            "Ask the model",
            service="bedrockruntime",
            action="converse",
            parameters={
                "ModelId": self._model_id,
                "System": [{"Text": review.INSTRUCTIONS}],
                "Messages": [{"Role": "user", "Content": [{"Text": jsonata(review.QUESTION)}]}],
                "InferenceConfig": {"MaxTokens": _MAX_TOKENS, "Temperature": 0},
            },
            iam_action="bedrock:InvokeModel",
            iam_resources=first.resources,
            additional_iam_statements=more,
            outputs=jsonata(review.CLASSIFIED),
            assign={"answer": jsonata(review.ANSWER)},
            task_timeout=sfn.Timeout.duration(_MODEL_TIMEOUT),
        )
        self._retry_policy.add_to(ask)
        return ask

    def _invoke_model(self) -> list[iam.PolicyStatement]:
        """Return what allows the call: of a foundation model one statement, of an inference profile two."""
        stack = Stack.of(self)
        base = self.foundation_model_id
        in_region = base == self._model_id
        model = stack.format_arn(
            service="bedrock",
            # Where a profile sends a request isn't known here; a global one names a model without a Region, too.
            region=None if in_region else "*",
            account="",
            resource="foundation-model",
            resource_name=base,
        )
        if in_region:
            return [_invoking(model)]
        # https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
        profile = stack.format_arn(service="bedrock", resource="inference-profile", resource_name=self._model_id)
        return [_invoking(profile), _invoking(model, {"StringEquals": {"bedrock:InferenceProfileArn": profile}})]

    def _record(self) -> tasks.DynamoPutItem:
        text = tasks.DynamoAttributeValue.from_string
        record = tasks.DynamoPutItem.jsonata(
            self,
            "Record fake review",
            table=self._table,
            item={
                "ProductId": text(jsonata("$states.input.ProductId")),
                "ReviewId": text(jsonata("$states.input.ReviewId")),
                "Confidence": tasks.DynamoAttributeValue.number_from_string(
                    jsonata("$string($states.input.Confidence)")
                ),
                "Reason": text(jsonata("$states.input.Reason")),
                "ModelId": text(self._model_id),
                "RecordedAt": text(jsonata("$states.context.State.EnteredTime")),
                "ExecutionArn": text(jsonata("$states.context.Execution.Id")),
            },
            outputs=jsonata("$states.input"),
            task_timeout=sfn.Timeout.duration(_STORE_TIMEOUT),
        )
        _STORE_RETRIES.add_to(record)
        return record

    def _notify(self) -> tasks.SnsPublish:
        notify = tasks.SnsPublish.jsonata(
            self,
            "Notify",
            topic=self._topic,
            subject="Fake review",
            message=sfn.TaskInput.from_text(jsonata("$string($states.input)")),
            outputs=jsonata("$states.input"),
            task_timeout=sfn.Timeout.duration(_STORE_TIMEOUT),
        )
        _STORE_RETRIES.add_to(notify)
        return notify


class ReviewIntake(Construct):
    """A state machine that has each review judged by the child, and goes on by its verdict.

    An execution's input is the review, as ReviewClassifier takes it. What follows gets the child's output, and makes
    the execution's. When the child fails, the execution fails with the child's own Error and Cause.

    Example::

        ReviewIntake(
            self,
            "Intake",
            child=ChildWorkflow.in_account(account="222222222222", state_machine_name="review-classifier"),
            identity=WorkflowIdentity(account="111111111111", state_machine_name="review-intake"),
        )

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`.
        child: Where the child is: in this account, or in another.
        identity: The names of the state machine and of its role, which the child's account trusts.
        fake: JSONata states that follow a fake review. Omitted: the child's output with `"Action": "HIDE"`.
        real: The same for a real one. Omitted: `"Action": "PUBLISH"`.
        unsure: The same for one that a person should look at. Omitted: `"Action": "MODERATE"`.
        timeout: Of the child. Across accounts Step Functions looks every minute whether it is over. Your own states
            bring their own.
        log_retention: Of the state machine's log, which goes with the stack.
        include_execution_data: Whether that log holds the reviews, too.

    Raises:
        ValueError: for a value that can't work, with what is allowed.

    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        child: ChildWorkflow,
        identity: WorkflowIdentity,
        fake: sfn.IChainable | None = None,
        real: sfn.IChainable | None = None,
        unsure: sfn.IChainable | None = None,
        timeout: Duration | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        include_execution_data: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        check_kind(self, "identity", identity, WorkflowIdentity, fix="Use WorkflowIdentity(…).")
        branches = {
            "fake": self._branch("fake", fake, "Hide review", "HIDE"),
            "real": self._branch("real", real, "Publish review", "PUBLISH"),
            "unsure": self._branch("unsure", unsure, "Moderate review", "MODERATE"),
        }
        classify = NestedWorkflow(
            self,
            "Classify review",
            child=child,
            timeout=Duration.minutes(30) if timeout is None else timeout,
        )
        classify.add_catch(ChildFailure(self, "Not classified"))
        route = sfn.Choice.jsonata(self, "Route")
        for verdict, branch in branches.items():
            route.when(sfn.Condition.jsonata(jsonata(review.is_verdict(verdict))), branch)
        route.otherwise(
            sfn.Fail.jsonata(
                self, "UnknownVerdict", error="UnknownVerdict", cause=jsonata(review.UNKNOWN_VERDICT_CAUSE)
            )
        )
        self._log_group = state_machine_log(self, "Logs", log_retention)
        self._state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=identity.state_machine_name,
            role=WorkflowRole(self, "Role", identity=identity),
            definition_body=sfn.DefinitionBody.from_chainable(classify.next(route)),
            query_language=sfn.QueryLanguage.JSONATA,
            tracing_enabled=True,
            logs=log_everything(self._log_group, include_execution_data=include_execution_data),
        )

    @property
    def state_machine(self) -> sfn.StateMachine:
        """Start an execution of it for each review."""
        return self._state_machine

    @property
    def log_group(self) -> logs.LogGroup:
        """The state machine's log."""
        return self._log_group

    def _branch(self, keyword: str, given: sfn.IChainable | None, state_name: str, action: str) -> sfn.IChainable:
        if given is None:
            output = jsonata(f"$merge([$states.input, {{'Action': '{action}'}}])")
            return sfn.Pass.jsonata(self, state_name, outputs=output)
        problem = jsonpath_in_chain(given.start_state) if is_chain(given) else given
        if problem is not None:
            raise usage_error(
                self,
                keyword,
                problem,
                allowed="a JSONata state, or a chain of them",
                fix="Make each by its jsonata() method, or leave it out.",
            )
        return given


def _invoking(resource: str, conditions: dict[str, dict[str, str]] | None = None) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=["bedrock:InvokeModel"], resources=[resource], conditions=conditions)
