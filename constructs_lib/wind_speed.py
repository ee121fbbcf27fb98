"""WindSpeedWorkflow: the mean wind speed of every weather station, out of NOAA's GSOD objects, as CSV and as a map.

Speeds are in the chosen unit, knots (as GSOD has them), mph, kmh or mps. The data: Global Surface Summary of the Day,
one CSV object a station and year, https://registry.opendata.aws/noaa-gsod/. The state machine is a Standard one in
JSONata; an input it can't use ends in a Fail state that says what was given and what is allowed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, Aws, Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib import _wind_speed_input as given
from constructs_lib._checks import (
    check_bucket,
    check_integer,
    check_kind,
    check_percentage,
    check_removal_policy,
    is_list,
    is_whole_number,
    usage_error,
)
from constructs_lib._handlers import handlers_code
from constructs_lib._lambda_task import LambdaTask, jsonata
from constructs_lib._run_limits import warn_of_concurrency
from constructs_lib._state_machine_log import log_everything, state_machine_log
from constructs_lib._state_machine_role import state_machine_role
from constructs_lib._wind_speed_input import FIRST_YEAR, UNITS, Unit
from constructs_lib.distributed_map import S3DistributedMap, is_chain
from constructs_lib.object_source import KeyExpression, ObjectSource, check_key, key_statements
from constructs_lib.retries import LAMBDA_RETRIES

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "FIRST_YEAR",
    "MAX_BATCH_SIZE",
    "NOAA_BUCKET",
    "RESULT_FILES",
    "UNITS",
    "GsodSource",
    "Unit",
    "WindSpeedWorkflow",
]

NOAA_BUCKET = "noaa-gsod-pds"
MAX_BATCH_SIZE = 1000
# A batch's input. A child's output has the limit of 256 KiB, too: the handler keeps to it, whatever the keys.
_MAX_BATCH_INPUT_BYTES = 100 * 1024
RESULT_FILES = ("stations.csv", "stations.geojson", "rejected.csv", "summary.json", "map.html")
_RUN_PREFIX = "'runs/' & $states.context.Execution.Name & '/'"


@dataclass(frozen=True, slots=True)
class GsodSource:
    """Where the GSOD objects are. Make one with `noaa` or `bucket`.

    `own_bucket` None is NOAA's public bucket. `sample` marks the observations as made up, in summary and map.
    """

    own_bucket: s3.IBucket | None
    prefix: str
    sample: bool

    @classmethod
    def noaa(cls, *, sample: bool = False) -> "GsodSource":
        """NOAA's public bucket in us-east-1, `<year>/<station>.csv`, by way of an index that each execution makes."""
        return cls(None, "", sample)

    @classmethod
    def bucket(cls, bucket: s3.IBucket, prefix: str = "", *, sample: bool = False) -> "GsodSource":
        """Every object under `prefix` of `bucket`, which must be of the stack's own account and Region.

        The map lists the bucket by itself: there is no index, and an execution can't choose years or stations.
        `prefix` is empty or ends with a slash. A bucket with a KMS key must know it (`encryption_key`), so that the
        functions may decrypt.
        """
        check_bucket("GsodSource.bucket", "bucket", bucket)
        if prefix != "":
            check_key("GsodSource.bucket", "prefix", prefix, fix="Use such as 'gsod/', or leave it out.")
        return cls(bucket, prefix, sample)


class WindSpeedWorkflow(Construct):
    """A state machine that computes the mean wind speed of every GSOD station, and the bucket for its results.

    An execution's input, all of it optional: `{"years": [2024], "stations": ["72429793812"], "unit": "mph",
    "max_objects": 1000}`. It writes stations.csv, stations.geojson, rejected.csv, summary.json and map.html under
    `runs/<execution name>/` and returns where they are, with the counts: objects listed, analysed, rejected, failed.

    With NOAA's bucket, `{"retry_of": "<execution name>"}` reads again only what that execution rejected and what
    failed in it, and merges it into its results: its files are those of one whole run.

    Example::

        workflow = WindSpeedWorkflow(self, "WindSpeed", source=GsodSource.noaa(), unit="mph")
        workflow.state_machine.grant_start_execution(operator)
        workflow.results_bucket.grant_read(reader)

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`.
        source: Where the objects are.
        unit: Of executions whose input names none: knots, mph, kmh or mps.
        years: Of executions whose input names none. Omitted: every year there is.
        batch_size: Objects a child execution, 1 to 1,000.
        max_concurrency: Child executions at a time, 1 to 10,000. Each runs one Lambda function: keep it under your
            account's Lambda quota, which is 1,000 by default and less in new accounts.
        tolerated_failure_percentage: Over this share of failed objects the map run fails; over this share of rejected
            and failed objects the execution ends in TooManyRejectedObjects, its files written all the same.
        processor: JSONata states that follow "Analyze batch" in each child. They must pass its output on.
        results_retention: How long the results are kept, and `retry_of` can complete them. Omitted: for good.
        removal_policy: DESTROY deletes the bucket, with everything in it, together with the stack. Omitted: RETAIN.
        log_retention: Of the logs of the state machine and its functions. All of them go with the stack.
        include_execution_data: Whether the state machine's logs hold inputs and outputs, too.

    Raises:
        ValueError: for a value that can't work, with what is allowed.

    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        source: GsodSource,
        unit: Unit = "knots",
        years: Sequence[int] | None = None,
        batch_size: int = 500,
        max_concurrency: int = 200,
        tolerated_failure_percentage: float = 5,
        processor: sfn.IChainable | None = None,
        results_retention: Duration | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        include_execution_data: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        self._check(source, unit, years, removal_policy)
        self._check_retention(results_retention)
        if processor is not None and not is_chain(processor):
            raise usage_error(
                self,
                "processor",
                processor,
                allowed='JSONata states, which follow "Analyze batch"',
                fix="Invoke a function by tasks.LambdaInvoke.jsonata(…).",
            )
        check_integer(
            self, "batch_size", batch_size, low=1, high=MAX_BATCH_SIZE, fix="A child's output must fit in 256 KiB."
        )
        check_percentage(
            self, "tolerated_failure_percentage", tolerated_failure_percentage, fix="Use 0 to tolerate none."
        )
        self._source = source
        self._unit = unit
        self._years = years
        self._tolerated_percentage = tolerated_failure_percentage
        self._log_retention = log_retention

        self._results = self._results_bucket(results_retention, removal_policy)
        self._objects = source.own_bucket or s3.Bucket.from_bucket_name(self, "Noaa", NOAA_BUCKET)
        self._index_function = self._make_index_function() if source.own_bucket is None else None
        self._analyze_function = self._make_analyze_function()
        self._reduce_function = self._make_reduce_function()

        analyze = LambdaTask(self, "Analyze batch", function=self._analyze_function, retry_policy=LAMBDA_RETRIES)
        self._map = S3DistributedMap(
            self,
            "Analyze objects",
            source=self._object_source(),
            processor=analyze if processor is None else analyze.next(processor),
            results_bucket=self._results,
            # Step Functions puts a slash and the map run's id behind it.
            results_prefix=KeyExpression(jsonata="$prefix & 'map'", pattern="runs/*/map"),
            max_items_per_batch=batch_size,
            max_input_bytes_per_batch=_MAX_BATCH_INPUT_BYTES,
            max_concurrency=max_concurrency,
            tolerated_failure_percentage=tolerated_failure_percentage,
            reducer=self._reduction(),
        )
        warn_of_concurrency(self._map, self._analyze_function, max_concurrency)
        self._log_group = state_machine_log(self, "Logs", log_retention)
        self._state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            role=state_machine_role(self),
            definition_body=sfn.DefinitionBody.from_chainable(self._definition()),
            query_language=sfn.QueryLanguage.JSONATA,
            timeout=Duration.hours(1),
            tracing_enabled=True,
            logs=log_everything(self._log_group, include_execution_data=include_execution_data),
        )
        if source.own_bucket is not None:
            self._grant_describe_map_run()

    @property
    def state_machine(self) -> sfn.StateMachine:
        """Start an execution of it, grant that, or put it into another state machine."""
        return self._state_machine

    @property
    def results_bucket(self) -> s3.Bucket:
        """Holds `runs/<execution name>/`."""
        return self._results

    @property
    def map(self) -> S3DistributedMap:
        """The map over the objects; its `metric_children` counts batches."""
        return self._map

    @property
    def index_function(self) -> lambda_.Function | None:
        """Lists NOAA's objects; None with a bucket of your own."""
        return self._index_function

    @property
    def analyze_function(self) -> lambda_.Function:
        """Turns a batch of objects into a record a station."""
        return self._analyze_function

    @property
    def reduce_function(self) -> lambda_.Function:
        """Merges the records and writes the result files."""
        return self._reduce_function

    @property
    def log_group(self) -> logs.LogGroup:
        """The state machine's log."""
        return self._log_group

    def _check(
        self, source: GsodSource, unit: Unit, years: Sequence[int] | None, removal_policy: RemovalPolicy
    ) -> None:
        check_kind(self, "source", source, GsodSource, fix="Use GsodSource.noaa() or GsodSource.bucket(…).")
        if unit not in UNITS:
            raise usage_error(self, "unit", unit, allowed=", ".join(UNITS), fix="Choose one of these.")
        check_removal_policy(self, removal_policy, fix="Keep the bucket with RETAIN.")
        prefix = source.prefix
        if not Token.is_unresolved(prefix) and prefix and (prefix.startswith("/") or not prefix.endswith("/")):
            raise usage_error(
                self,
                "source prefix",
                prefix,
                allowed="an empty prefix, or one that ends with a slash and doesn't begin with one",
                fix=f'Use "{prefix.strip("/")}/".',
            )
        if years is not None:
            self._check_years(source, years)

    def _check_years(self, source: GsodSource, years: Sequence[int]) -> None:
        if not is_list(years) or not years:
            raise usage_error(
                self, "years", years, allowed="a list of one year or more", fix="Leave it out for every year."
            )
        if source.own_bucket is not None:
            raise usage_error(
                self,
                "years",
                list(years),
                allowed="with GsodSource.noaa() only",
                fix="Leave it out, and choose the objects by the source's prefix.",
            )
        this_year = datetime.now(tz=UTC).year
        for year in years:
            if not (is_whole_number(year) and FIRST_YEAR <= year <= this_year):
                raise usage_error(
                    self,
                    "years",
                    year,
                    allowed=f"a whole number from {FIRST_YEAR} to {this_year}",
                    fix="Leave it out: GSOD has no other.",
                )

    def _check_retention(self, retention: Duration | None) -> None:
        if retention is None:
            return
        fix = "Use such as Duration.days(90), or leave it out to keep the results for good."
        check_kind(self, "results_retention", retention, Duration, fix=fix)
        if retention.is_unresolved():
            return
        days = retention.to_days(integral=False)
        if days < 1 or days % 1:
            raise usage_error(self, "results_retention", days, allowed="a Duration of whole days, 1 or more", fix=fix)

    # What the machine is made of

    def _results_bucket(self, retention: Duration | None, removal_policy: RemovalPolicy) -> s3.Bucket:
        return s3.Bucket(
            self,
            "Results",
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            versioned=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            removal_policy=removal_policy,
            auto_delete_objects=removal_policy is RemovalPolicy.DESTROY,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="CleanUp",
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                    noncurrent_version_expiration=Duration.days(30),
                ),
                *([] if retention is None else [s3.LifecycleRule(id="ExpireResults", expiration=retention)]),
            ],
        )

    def _make_index_function(self) -> lambda_.Function:
        return self._function(
            "Index",
            # It takes some 6 s for 600 pages of 1,000 keys; eight attempts at a throttled one may take 71 s.
            timeout=Duration.minutes(10),
            environment={
                "SOURCE_BUCKET": self._objects.bucket_name,
                "SOURCE_PREFIX": self._source.prefix,
                "RESULTS_BUCKET": self._results.bucket_name,
            },
            statements=[
                iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self._objects.bucket_arn]),
                iam.PolicyStatement(
                    actions=["s3:PutObject"], resources=[self._results.arn_for_objects("runs/*/objects.csv")]
                ),
                iam.PolicyStatement(
                    actions=["s3:GetObject"],
                    resources=[
                        self._results.arn_for_objects(f"runs/*/{name}") for name in ("rejected.csv", "summary.json")
                    ],
                ),
            ],
        )

    def _make_analyze_function(self) -> lambda_.Function:
        return self._function(
            "Analyze",
            timeout=Duration.seconds(60),
            environment={"SOURCE_BUCKET": self._objects.bucket_name},
            statements=[
                iam.PolicyStatement(
                    actions=["s3:GetObject"], resources=[self._objects.arn_for_objects(f"{self._source.prefix}*")]
                ),
                # Without it S3 answers for an object that has gone as for one that may not be read.
                iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self._objects.bucket_arn]),
                *key_statements(self._objects, "kms:Decrypt"),
            ],
        )

    def _make_reduce_function(self) -> lambda_.Function:
        return self._function(
            "Reduce",
            timeout=Duration.minutes(5),
            environment={"RESULTS_BUCKET": self._results.bucket_name},
            statements=[
                iam.PolicyStatement(
                    actions=["s3:GetObject"], resources=[self._results.arn_for_objects("runs/*/map/*")]
                ),
                iam.PolicyStatement(
                    actions=["s3:PutObject"],
                    resources=[self._results.arn_for_objects(f"runs/*/{name}") for name in RESULT_FILES],
                ),
            ],
        )

    def _function(
        self,
        name: str,
        *,
        timeout: Duration,
        environment: Mapping[str, str],
        statements: "Iterable[iam.PolicyStatement]",
    ) -> lambda_.Function:
        log_group = logs.LogGroup(
            self, f"{name}Logs", retention=self._log_retention, removal_policy=RemovalPolicy.DESTROY
        )
        # Not the managed policy that CDK would attach: that one may write to every log group of the account.
        role = iam.Role(self, f"{name}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log_group.log_group_arn]
            )
        )
        for statement in statements:
            role.add_to_policy(statement)
        return lambda_.Function(
            self,
            name,
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"wind_speed.{name.lower()}.handler",
            code=handlers_code(),
            # 1,769 MB come with one whole vCPU: all three are bound by it as soon as S3 answers.
            memory_size=1769,
            timeout=timeout,
            environment=dict(environment),
            role=role,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            tracing=lambda_.Tracing.ACTIVE,
        )

    def _object_source(self) -> ObjectSource:
        if self._source.own_bucket is None:
            return ObjectSource.from_csv(
                self._results, key=KeyExpression(jsonata="$prefix & 'objects.csv'", pattern="runs/*/objects.csv")
            )
        return ObjectSource.from_listing(self._objects, prefix=self._source.prefix, max_items="$max_objects")

    # The states

    def _definition(self) -> sfn.IChainable:
        assign = {
            "prefix": jsonata(_RUN_PREFIX),
            # A variable, because a literal in an expression would end at a quote in the prefix.
            "source": f"s3://{self._objects.bucket_name}/{self._source.prefix}",
            "retry_of": jsonata(given.RETRY_OF),
        }
        rest = self._map.next(self._check_rejected())
        if self._index_function is None:
            unit = given.unit_or(self._unit)
            assign |= {
                "unit": jsonata(unit),
                "factor": jsonata(given.factor_of(unit)),
                "years": jsonata(given.years_or(self._years)),
                "manifests": jsonata("[]"),
                "max_objects": jsonata(given.MAX_OBJECTS_OR_ALL),
            }
            return self._check_input(sfn.Pass.jsonata(self, "Prepare", assign=assign).next(rest))
        prepare = sfn.Pass.jsonata(
            self,
            "Prepare",
            assign=assign,
            outputs={
                "years": jsonata(given.years_or(self._years)),
                "stations": jsonata(given.STATIONS),
                "max_objects": jsonata(given.MAX_OBJECTS_OR_NULL),
                "unit": jsonata(given.unit_or(self._unit)),
                "prefix": jsonata(_RUN_PREFIX),
                "retry_of": jsonata(given.RETRY_OF),
            },
        )
        result = "$states.result.Payload"
        index = LambdaTask(
            self,
            "Index objects",
            function=self._index_function,
            retry_policy=LAMBDA_RETRIES,
            # A retry's unit and years are those of the run that it completes.
            assign={
                "objects_indexed": jsonata(f"{result}.objects_indexed"),
                "objects_listed": jsonata(f"{result}.objects_listed"),
                "unit": jsonata(f"{result}.unit"),
                "factor": jsonata(given.factor_of(f"{result}.unit")),
                "years": jsonata(f"{result}.years"),
                "manifests": jsonata(f"{result}.manifests"),
            },
        )
        return self._check_input(prepare.next(index).next(self._no_objects_or(rest)))

    def _check_input(self, rest: sfn.IChainable) -> sfn.Choice:
        invalid = sfn.Fail.jsonata(self, "InvalidInput", error="InvalidInput", cause=jsonata("$problem"))
        unknown_unit = sfn.Fail.jsonata(
            self, "UnknownUnit", error="UnknownUnit", cause=jsonata(given.UNKNOWN_UNIT_CAUSE)
        )
        choice = sfn.Choice.jsonata(self, "Check input")

        def refuse(*checks: given.InputCheck) -> None:
            for check in checks:
                choice.when(
                    sfn.Condition.jsonata(jsonata(check.condition)),
                    invalid,
                    assign={"problem": jsonata(check.problem)},
                )

        refuse(given.NOT_AN_OBJECT)
        choice.when(sfn.Condition.jsonata(jsonata(given.UNKNOWN_UNIT)), unknown_unit)
        refuse(given.UNKNOWN_FIELD)
        if self._source.own_bucket is None:
            refuse(*given.RETRY_CHECKS, *given.CHOICE_CHECKS)
        else:
            choice.when(
                sfn.Condition.jsonata(jsonata(given.CHOOSES_OBJECTS)),
                sfn.Fail.jsonata(
                    self,
                    "UnsupportedInput",
                    error="UnsupportedInput",
                    cause="The input names years, stations or retry_of; allowed with this source: unit, max_objects. "
                    "The map lists its own bucket whole. Leave them out, or deploy with NOAA's bucket as the source.",
                ),
            )
        refuse(given.MAX_OBJECTS_CHECK)
        return choice.otherwise(rest)

    def _no_objects_or(self, next_state: sfn.IChainable) -> sfn.Choice:
        no_objects = sfn.Fail.jsonata(
            self,
            "NoObjects",
            error="NoObjects",
            cause=jsonata(
                "'No object found in ' & $source & ' for ' "
                "& ($type($years) = 'array' ? 'the years ' & $substring($string($years), 0, 200) : 'any year') "
                "& '. Choose other years or stations, or another source.'"
            ),
        )
        choice = sfn.Choice.jsonata(self, "Check objects")
        if self._index_function is None:
            return choice.when(sfn.Condition.jsonata(jsonata("$objects_listed = 0")), no_objects).otherwise(next_state)
        nothing = sfn.Fail.jsonata(
            self,
            "NothingToRetry",
            error="NothingToRetry",
            cause=jsonata(
                "'The execution ' & $retry_of & ' rejected no object, and none failed: its results are whole.'"
            ),
        )
        return (
            choice.when(sfn.Condition.jsonata(jsonata("$objects_indexed = 0 and $retry_of != null")), nothing)
            .when(sfn.Condition.jsonata(jsonata("$objects_indexed = 0")), no_objects)
            .otherwise(next_state)
        )

    def _reduction(self) -> sfn.IChainable:
        reduce = LambdaTask(
            self,
            "Reduce results",
            function=self._reduce_function,
            retry_policy=LAMBDA_RETRIES,
            payload={
                "manifest": {
                    "bucket": jsonata("$states.input.ResultWriterDetails.Bucket"),
                    "key": jsonata("$states.input.ResultWriterDetails.Key"),
                },
                "manifests": jsonata("$manifests"),
                "retry_of": jsonata("$retry_of"),
                "objects_listed": jsonata("$objects_listed"),
                "unit": jsonata("$unit"),
                "factor": jsonata("$factor"),
                "years": jsonata("$years"),
                "prefix": jsonata("$prefix"),
                "execution_arn": jsonata("$states.context.Execution.Id"),
                "started_at": jsonata("$states.context.Execution.StartTime"),
                "sample": self._source.sample,
                "tolerated_failure_percentage": self._tolerated_percentage,
            },
        )
        if self._source.own_bucket is None:
            return reduce
        # The map listed the objects itself: only its map run knows how many there were. It has ended by now.
        # AWS-only: its documentation doesn't say that the counts are final then; were they not, the reducer would end
        # in CountMismatch.
        count = sfn.CustomState(
            self,
            "Count objects",
            state_json={
                "Type": "Task",
                "Resource": f"arn:{Aws.PARTITION}:states:::aws-sdk:sfn:describeMapRun",
                "Arguments": {"MapRunArn": jsonata("$states.input.MapRunArn")},
                "Assign": {"objects_listed": jsonata("$states.result.ItemCounts.Total")},
                "Output": jsonata("$states.input"),
            },
        )
        count.add_retry(
            errors=["States.TaskFailed"],
            max_attempts=3,
            interval=Duration.seconds(1),
            max_delay=Duration.seconds(20),
            jitter_strategy=sfn.JitterType.FULL,
        )
        return sfn.Chain.custom(count, reduce.end_states, count.next(self._no_objects_or(reduce)))

    def _check_rejected(self) -> sfn.Choice:
        too_many = sfn.Fail.jsonata(
            self,
            "TooManyRejectedObjects",
            error="TooManyRejectedObjects",
            cause=jsonata(
                "'Rejected: ' & $string($states.input.objects_rejected) & ', failed: ' "
                "& $string($states.input.objects_failed) & ', of ' & $string($states.input.objects_listed) "
                f"& ' objects; allowed: {self._tolerated_percentage:g} %. Each has its reason in s3://' "
                "& $states.input.bucket & '/' & $states.input.prefix & 'rejected.csv; the other files are there, too.'"
            ),
        )
        return (
            sfn.Choice.jsonata(self, "Check rejected")
            .when(sfn.Condition.jsonata(jsonata("$states.input.too_many_rejected")), too_many)
            .otherwise(sfn.Succeed.jsonata(self, "Succeed"))
        )

    def _grant_describe_map_run(self) -> None:
        # Apart from the role's own policy, which the state machine waits for: this one names the state machine.
        map_runs = Stack.of(self).format_arn(
            service="states",
            resource="mapRun",
            resource_name=f"{self._state_machine.state_machine_name}/{self._map.label}:*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        statement = iam.PolicyStatement(actions=["states:DescribeMapRun"], resources=[map_runs])
        iam.Policy(self, "DescribeMapRun", statements=[statement]).attach_to_role(self._state_machine.role)
