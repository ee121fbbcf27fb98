"""Distributed Maps on the running emulator."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from constructs_lib import StateItems
from tests.constructs_lib.local.emulator.conftest import Cloud, Execution
from tests.constructs_lib.local.emulator.waiting import until

pytestmark = pytest.mark.local

THRESHOLD_EXCEEDED = "States.ExceedToleratedFailureThreshold"
FAIL_ODD: dict[str, dict[str, Any]] = {
    "Odd": {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $states.input % 2 = 1 %}", "Next": "Broken"}],
        "Default": "Fine",
    },
    "Broken": {"Type": "Fail", "Error": "Odd", "Cause": "{% 'item ' & $string($states.input) %}"},
    "Fine": {"Type": "Pass", "End": True},
}
ECHO = {"Echo": {"Type": "Pass", "End": True}}


def map_state(children: dict[str, Any] = ECHO, *, kind: str = "EXPRESS", **more: Any) -> dict[str, Any]:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
        "StartAt": next(iter(children)),
        "States": children,
    }
    return {"Type": "Map", "Label": "Each", "ItemProcessor": processor, "End": True, **more}


def run(cloud: Cloud, state: dict[str, Any], input_value: Any = None, **more: Any) -> Execution:
    return cloud.run({"Map": state}, input_value, **more)


def writer(bucket: str, **config: str) -> dict[str, Any]:
    return {
        "Resource": "arn:aws:states:::s3:putObject",
        "Arguments": {"Bucket": bucket, "Prefix": "{% 'runs/' & $states.context.Execution.Name & '/map/' %}"},
        "WriterConfig": config,
    }


def result_files(cloud: Cloud, details: dict[str, str]) -> dict[str, list[Any]]:
    """The rows of each result file that a manifest names."""
    manifest = json.loads(cloud.read(details["Bucket"], details["Key"]))
    found = {}
    for name, files in manifest["ResultFiles"].items():
        for file in files:
            body = cloud.read(details["Bucket"], file["Key"]).decode()
            assert len(body) == file["Size"]
            lines = file["Key"].endswith(".jsonl")
            found[name] = [json.loads(line) for line in body.splitlines()] if lines else json.loads(body)
    return found


def test_should_read_a_csv_file_and_select_batch_and_write(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    keys = [f"2024/{number}.csv" for number in range(7)]
    cloud.client("s3").put_object(Bucket=bucket, Key="list.csv", Body="\n".join(["key;note", *keys]).encode())
    state = map_state(
        {
            "Count": {
                "Type": "Pass",
                "Output": "{% $merge([$states.input, {'n': $count($states.input.Items)}]) %}",
                "End": True,
            }
        },
        ItemReader={
            "Resource": "arn:aws:states:::s3:getObject",
            "Arguments": {"Bucket": bucket, "Key": "{% $states.input.list %}"},
            "ReaderConfig": {
                "InputType": "CSV",
                "CSVHeaderLocation": "FIRST_ROW",
                "CSVDelimiter": "SEMICOLON",
                "MaxItems": "{% $states.input.most %}",
            },
        },
        ItemSelector={
            "key": "{% $states.context.Map.Item.Value.key %}",
            "index": "{% $states.context.Map.Item.Index %}",
        },
        ItemBatcher={"MaxItemsPerBatch": 4, "BatchInput": {"unit": "{% $states.input.unit %}"}},
        ResultWriter=writer(bucket, OutputType="JSONL", Transformation="COMPACT"),
    )

    ended = run(cloud, state, {"list": "list.csv", "most": 6, "unit": "mph"})

    assert ended.status == "SUCCEEDED", ended.cause
    name = ended.arn.rpartition(":")[2]
    details = ended.output["ResultWriterDetails"]
    run_id = ended.output["MapRunArn"].rpartition(":")[2]
    assert details == {"Bucket": bucket, "Key": f"runs/{name}/map/{run_id}/manifest.json"}
    items = [{"key": key, "index": index} for index, key in enumerate(keys[:6])]
    files = result_files(cloud, details)
    assert sorted(files["SUCCEEDED"], key=lambda output: -output["n"]) == [
        {"BatchInput": {"unit": "mph"}, "Items": items[:4], "n": 4},
        {"BatchInput": {"unit": "mph"}, "Items": items[4:], "n": 2},
    ]
    described = cloud.map_run(ended.arn)
    assert described["status"] == "SUCCEEDED"
    assert {key: described["itemCounts"][key] for key in ("total", "succeeded", "resultsWritten", "pending")} == {
        "total": 6, "succeeded": 6, "resultsWritten": 6, "pending": 0,
    }  # fmt: skip
    assert described["executionCounts"]["total"] == described["executionCounts"]["succeeded"] == 2
    assert ended.types() == [
        "ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunSucceeded",
        "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded",
    ]  # fmt: skip


def test_should_list_objects_below_a_prefix_and_describe_its_own_map_run(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    s3 = cloud.client("s3")
    for key in ("2023/a.csv", "2024/b.csv", "2024/c.csv", "index.html"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"12345")
    mapped = map_state(
        ItemReader={
            "Resource": "arn:aws:states:::s3:listObjectsV2",
            "Arguments": {"Bucket": bucket, "Prefix": "2024/"},
        },
        ItemSelector={
            "key": "{% $states.context.Map.Item.Value.Key %}",
            "size": "{% $states.context.Map.Item.Value.Size %}",
        },
        ResultWriter=writer(bucket, OutputType="JSONL", Transformation="COMPACT"),
    )
    del mapped["End"]
    describe = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:describeMapRun",
        "Arguments": {"MapRunArn": "{% $states.input.MapRunArn %}"},
        "Output": "{% {'listed': $states.result.ItemCounts.Total, 'details': $states.input.ResultWriterDetails} %}",
        "End": True,
    }
    ended = cloud.run({"Map": {**mapped, "Next": "Describe"}, "Describe": describe})

    assert ended.status == "SUCCEEDED", ended.cause
    assert ended.output["listed"] == 2
    rows = result_files(cloud, ended.output["details"])["SUCCEEDED"]
    assert sorted(rows, key=str) == [{"key": "2024/b.csv", "size": 5}, {"key": "2024/c.csv", "size": 5}]


@pytest.mark.parametrize(("transformation", "expected"), [("COMPACT", [[1, 1], [2, 2]]), ("FLATTEN", [1, 1, 2, 2])])
def test_should_transform_the_results_without_a_bucket(cloud: Cloud, transformation: str, expected: list[Any]) -> None:
    twice = {"Twice": {"Type": "Pass", "Output": "{% [$states.input, $states.input] %}", "End": True}}
    state = map_state(
        twice, Items=[1, 2], ResultWriter={"WriterConfig": {"Transformation": transformation, "OutputType": "JSON"}}
    )

    assert run(cloud, state).output == expected


@pytest.mark.parametrize("kind", ["EXPRESS", "STANDARD"])
def test_should_return_the_outputs_in_the_items_order(cloud: Cloud, kind: str) -> None:
    ended = run(cloud, map_state(kind=kind, Items="{% [1..20] %}", MaxConcurrency=3))

    assert ended.output == list(range(1, 21))


def test_should_run_no_child_for_no_item(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    ended = run(cloud, map_state(Items=[], ResultWriter=writer(bucket, OutputType="JSONL", Transformation="COMPACT")))

    assert ended.status == "SUCCEEDED", ended.cause
    assert result_files(cloud, ended.output["ResultWriterDetails"]) == {}
    assert cloud.map_run(ended.arn)["itemCounts"]["total"] == 0
    assert run(cloud, map_state(Items=[])).output == []


def test_should_run_a_thousand_children_one_at_a_time(cloud: Cloud) -> None:
    ended = run(cloud, map_state(Items="{% [1..1000] %}", MaxConcurrency=1))

    assert ended.status == "SUCCEEDED", ended.cause
    assert ended.output == list(range(1, 1001))
    assert cloud.map_run(ended.arn)["executionCounts"]["succeeded"] == 1000


def test_should_fail_when_every_child_fails(cloud: Cloud) -> None:
    broken = {"Broken": {"Type": "Fail", "Error": "Broken", "Cause": "always"}}
    ended = run(cloud, map_state(broken, Items="{% [1..30] %}", ToleratedFailurePercentage=50))

    assert (ended.status, ended.error) == ("FAILED", THRESHOLD_EXCEEDED)
    assert ended.cause == "The specified tolerated failure threshold was exceeded"
    assert ended.types()[-3:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    assert cloud.map_run(ended.arn)["status"] == "FAILED"


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        ({}, "FAILED"),
        ({"ToleratedFailureCount": 4}, "FAILED"),
        ({"ToleratedFailureCount": 5}, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 49}, "FAILED"),
        ({"ToleratedFailurePercentage": 50}, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 49.5}, "FAILED"),
        ({"ToleratedFailurePercentage": "{% $states.input.tolerated %}"}, "SUCCEEDED"),
        ({"ToleratedFailureCount": 4, "ToleratedFailurePercentage": 100}, "FAILED"),
        ({"ToleratedFailureCount": 10, "ToleratedFailurePercentage": 100}, "SUCCEEDED"),
    ],
)
def test_should_tolerate_as_many_failed_items_as_it_says(cloud: Cloud, limits: dict[str, Any], status: str) -> None:
    # Ten items, of which the five odd ones fail.
    ended = run(cloud, map_state(FAIL_ODD, Items="{% [1..10] %}", MaxConcurrency=1, **limits), {"tolerated": 50.0})

    assert ended.status == status, ended.cause
    assert ended.error == (THRESHOLD_EXCEEDED if status == "FAILED" else None)


def test_should_count_failed_items_not_failed_batches(cloud: Cloud) -> None:
    big = {
        "Big": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% 1 in $states.input.Items %}", "Next": "Broken"}],
            "Default": "Fine",
        },
        "Broken": FAIL_ODD["Broken"] | {"Cause": "x"},
        "Fine": FAIL_ODD["Fine"],
    }  # fmt: skip
    state = map_state(big, Items="{% [1..10] %}", ItemBatcher={"MaxItemsPerBatch": 4}, MaxConcurrency=1)

    assert run(cloud, {**state, "ToleratedFailurePercentage": 40}).status == "SUCCEEDED"
    ended = run(cloud, {**state, "ToleratedFailurePercentage": 39})
    assert ended.error == THRESHOLD_EXCEEDED
    counts = cloud.map_run(ended.arn)["itemCounts"]
    assert (counts["total"], counts["failed"], counts["pending"]) == (10, 4, 6)


def test_should_write_what_failed_and_what_never_ran_when_the_run_fails(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    state = map_state(
        FAIL_ODD,
        Items="{% [2, 1, 3, 4] %}",
        MaxConcurrency=1,
        ResultWriter=writer(bucket, OutputType="JSON", Transformation="COMPACT"),
    )
    ended = run(cloud, state)

    assert ended.error == THRESHOLD_EXCEEDED
    (key,) = [
        found["Key"]
        for found in cloud.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
        if found["Key"].endswith("manifest.json")
    ]
    files = result_files(cloud, {"Bucket": bucket, "Key": key})
    assert files["SUCCEEDED"] == [2]
    assert [(row["Input"], row["Error"], row["Cause"]) for row in files["FAILED"]] == [("1", "Odd", "item 1")]
    assert [(row["Input"], row["Status"]) for row in files["PENDING"]] == [("3", "PENDING"), ("4", "PENDING")]


def test_should_let_the_state_catch_a_failed_run(cloud: Cloud) -> None:
    caught = {"ErrorEquals": [THRESHOLD_EXCEEDED], "Output": "{% $states.errorOutput.Error %}", "Next": "Caught"}
    states = {"Map": map_state(FAIL_ODD, Items=[1], Catch=[caught]), "Caught": {"Type": "Pass", "End": True}}

    assert cloud.run(states).output == THRESHOLD_EXCEEDED


def test_should_batch_by_bytes(cloud: Cloud) -> None:
    count = {"Count": {"Type": "Pass", "Output": "{% $count($states.input.Items) %}", "End": True}}
    # {"Items":["xxxxxxxxxx","xxxxxxxxxx"]} has 37 bytes.
    state = map_state(count, Items=["x" * 10] * 5, ItemBatcher={"MaxInputBytesPerBatch": 37})

    assert run(cloud, state).output == [2, 2, 1]


def test_should_run_a_distributed_map_in_jsonpath(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    cloud.client("s3").put_object(Bucket=bucket, Key="items.json", Body=b'[{"n": 1}, {"n": 2}, {"n": 3}]')
    state = map_state(
        {"Echo": {"Type": "Pass", "End": True}},
        ItemReader={
            "Resource": "arn:aws:states:::s3:getObject",
            "Parameters": {"Bucket": bucket, "Key.$": "$.key"},
            "ReaderConfig": {"InputType": "JSON", "MaxItemsPath": "$.most"},
        },
        ItemSelector={"n.$": "$$.Map.Item.Value.n", "unit.$": "$.unit"},
        ItemBatcher={"MaxItemsPerBatchPath": "$.size", "BatchInput": {"unit.$": "$.unit"}},
        ToleratedFailurePercentagePath="$.tolerated",
        ResultPath="$.results",
    )
    given = {"key": "items.json", "most": 3, "size": 2, "unit": "mph", "tolerated": 5}
    ended = cloud.run({"Map": state}, given, QueryLanguage="JSONPath")

    assert ended.status == "SUCCEEDED", ended.cause
    assert ended.output["unit"] == "mph"
    assert ended.output["results"] == [
        {"BatchInput": {"unit": "mph"}, "Items": [{"n": 1, "unit": "mph"}, {"n": 2, "unit": "mph"}]},
        {"BatchInput": {"unit": "mph"}, "Items": [{"n": 3, "unit": "mph"}]},
    ]


@pytest.mark.parametrize("selects", [True, False])
def test_should_read_the_pairs_of_a_json_object_in_jsonpath(cloud: Cloud, selects: bool) -> None:
    bucket = cloud.bucket()
    cloud.client("s3").put_object(Bucket=bucket, Key="pairs.json", Body=b'{"a": 1, "b": [2]}')
    context = {f"{name}.$": f"$$.Map.Item.{name}" for name in ("Index", "Key", "Value", "Source")}
    selector: dict[str, Any] = {"ItemSelector": context} if selects else {}
    state = map_state(
        {"Echo": {"Type": "Pass", "End": True}},
        ItemReader={
            "Resource": "arn:aws:states:::s3:getObject",
            "Parameters": {"Bucket": bucket, "Key": "pairs.json"},
            "ReaderConfig": {"InputType": "JSON"},
        },
        **selector,
    )
    ended = cloud.run({"Map": state}, {}, QueryLanguage="JSONPath")

    assert ended.status == "SUCCEEDED", ended.cause
    pairs: list[dict[str, Any]] = [{"Key": "a", "Value": 1}, {"Key": "b", "Value": [2]}]
    if selects:
        for index, pair in enumerate(pairs):
            pair.update(Index=index, Source=f"S3://{bucket}/pairs.json")
    assert ended.output == pairs


OBJECT_ITEMS: dict[str, dict[str, dict[str, Any]]] = {
    "JSONata": {
        "an expression": {"Items": "{% $states.input.pairs %}"},
        "an object": {"Items": {"a": "{% $states.input.pairs.a %}", "b": [2]}},
        "no items": {},
        "the first": {"Items": StateItems("$states.input.pairs", max_items=1).provide().items},
    },
    "JSONPath": {"a path": {"ItemsPath": "$.pairs"}, "no path": {}},
}


@pytest.mark.parametrize(
    ("language", "items"), [(language, items) for language in OBJECT_ITEMS for items in OBJECT_ITEMS[language]]
)
@pytest.mark.parametrize("selects", [True, False])
def test_should_iterate_over_the_pairs_of_an_object_in_the_input(
    cloud: Cloud, language: str, items: str, selects: bool
) -> None:
    names = ("Index", "Key", "Value", "Source")
    if language == "JSONata":
        context = {name: f"{{% $states.context.Map.Item.{name} %}}" for name in names}
    else:
        context = {f"{name}.$": f"$$.Map.Item.{name}" for name in names}
    given: dict[str, Any] = {"a": {"x": None}, "b": [2]}
    fields: dict[str, Any] = {**OBJECT_ITEMS[language][items], **({"ItemSelector": context} if selects else {})}
    is_whole = items in ("no items", "no path")
    ended = cloud.run({"Map": map_state(**fields)}, given if is_whole else {"pairs": given}, QueryLanguage=language)

    assert ended.status == "SUCCEEDED", ended.cause
    pairs: list[dict[str, Any]] = [{"Key": key, "Value": value} for key, value in given.items()]
    pairs = pairs[:1] if items == "the first" else pairs
    if selects:
        for index, pair in enumerate(pairs):
            pair.update(Index=index, Source="STATE_DATA")
    assert ended.output == pairs
    (started,) = [event for event in ended.events if event["type"] == "MapStateStarted"]
    assert started["mapStateStartedEventDetails"] == {"length": len(pairs)}
    assert counted(cloud, ended.arn) == {"total": len(pairs), "succeeded": len(pairs)}


def test_should_batch_the_pairs_of_an_object_and_run_none_of_an_empty_one(cloud: Cloud) -> None:
    state = map_state(Items="{% $states.input %}", ItemBatcher={"MaxItemsPerBatch": 2})
    ended = run(cloud, state, {"a": 1, "b": 2, "c": 3})

    pairs = [{"Key": "a", "Value": 1}, {"Key": "b", "Value": 2}, {"Key": "c", "Value": 3}]
    assert ended.output == [{"Items": pairs[:2]}, {"Items": pairs[2:]}]
    assert run(cloud, state, {}).output == []


def test_should_iterate_over_an_array_only_in_an_inline_map(cloud: Cloud) -> None:
    inline = {"Type": "Map", "ItemProcessor": {"StartAt": "Echo", "States": ECHO}, "End": True}
    with pytest.raises(ClientError, match="an object is only supported where ProcessorConfig's Mode is DISTRIBUTED"):
        cloud.machine({"Map": {**inline, "Items": {"a": 1}}})
    for fields, language in (({"Items": "{% $states.input %}"}, "JSONata"), ({}, "JSONata"), ({}, "JSONPath")):
        assert cloud.run({"Map": {**inline, **fields}}, {"a": 1}, QueryLanguage=language).status == "FAILED"


def test_should_fail_on_a_reader_whose_object_is_missing_or_not_what_it_says(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    cloud.client("s3").put_object(Bucket=bucket, Key="broken.json", Body=b"[1,")

    def reading(key: str) -> Execution:
        arguments = {"Bucket": bucket, "Key": key}
        reader = {
            "Resource": "arn:aws:states:::s3:getObject",
            "Arguments": arguments,
            "ReaderConfig": {"InputType": "JSON"},
        }
        return run(cloud, map_state(ItemReader=reader))

    missing, broken = reading("nothing.json"), reading("broken.json")
    assert (missing.status, missing.error) == ("FAILED", "States.ItemReaderFailed")
    assert "Error Code: NoSuchKey" in missing.cause
    assert (broken.status, broken.error) == ("FAILED", "States.ItemReaderFailed")
    assert "isn't JSON" in broken.cause


def test_should_show_counts_and_children_while_it_runs_and_stop(cloud: Cloud) -> None:
    function = cloud.function("import time\ndef handler(event, context):\n    time.sleep(5)\n    return event")
    work = {
        "Work": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": function, "Payload": {}},
            "End": True,
        }
    }
    states = cloud.client("stepfunctions")
    arn = cloud.start(cloud.machine({"Map": map_state(work, kind="STANDARD", Items="{% [1..6] %}", MaxConcurrency=2)}))
    deadline = time.monotonic() + 20
    while not states.list_map_runs(executionArn=arn)["mapRuns"] or cloud.map_run(arn)["itemCounts"]["running"] < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    map_run = cloud.map_run(arn)
    assert (map_run["status"], map_run["itemCounts"]["total"], map_run["itemCounts"]["pending"]) == ("RUNNING", 6, 4)

    states.stop_execution(executionArn=arn)

    ended = cloud.wait(arn, 2)
    assert ended.status == "ABORTED"
    assert ended.types()[-3:] == ["MapRunAborted", "MapStateAborted", "ExecutionAborted"]
    stopped = cloud.map_run(arn)
    assert stopped["status"] == "ABORTED"
    counts = stopped["itemCounts"]
    assert (counts["aborted"], counts["pending"], counts["running"]) == (2, 4, 0)
    children = states.list_executions(mapRunArn=stopped["mapRunArn"])["executions"]
    assert [child["status"] for child in children] == ["ABORTED", "ABORTED"]
    time.sleep(6)
    assert cloud.map_run(arn)["itemCounts"] == counts


def counted(cloud: Cloud, arn: str) -> dict[str, int]:
    """The items of an execution's only Map Run by what became of them; none that isn't there yet, and no 0."""
    if not cloud.client("stepfunctions").list_map_runs(executionArn=arn)["mapRuns"]:
        return {}
    return {name: number for name, number in cloud.map_run(arn)["itemCounts"].items() if number}


@pytest.mark.parametrize(
    ("kind", "first_three"),
    [
        ("STANDARD", {"failed": 1, "aborted": 2}),
        ("EXPRESS", {"failed": 1, "succeeded": 2, "resultsWritten": 2}),
    ],
)
def test_should_let_express_children_end_when_a_run_fails(cloud: Cloud, kind: str, first_three: dict[str, int]) -> None:
    bucket = cloud.bucket()
    failing = {"Condition": "{% $states.input = 0 %}", "Next": "Broken"}
    children = {
        "First": {"Type": "Choice", "Choices": [failing], "Default": "Long"},
        "Broken": {"Type": "Fail", "Error": "Broken"},
        "Long": {"Type": "Wait", "Seconds": 1, "End": True},
    }
    state = map_state(
        children,
        kind=kind,
        Items=[1, 2, 0, 3, 4, 5],
        MaxConcurrency=3,
        ResultWriter=writer(bucket, OutputType="JSON", Transformation="COMPACT"),
    )
    started = time.monotonic()
    ended = run(cloud, state)

    assert (ended.status, ended.error) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert (time.monotonic() - started > 1) == (kind == "EXPRESS")
    assert counted(cloud, ended.arn) == {"total": 6, "pending": 3, **first_three}


@pytest.mark.parametrize("ends", ["stopped", "timed out"])
def test_should_wait_for_express_children_when_the_parent_has_ended(cloud: Cloud, ends: str) -> None:
    states = cloud.client("stepfunctions")
    waiting = {"Wait": {"Type": "Wait", "Seconds": 2, "End": True}}
    machine = cloud.machine({"Map": map_state(waiting, Items=[1, 2, 3], MaxConcurrency=2)}, TimeoutSeconds=1)
    arn = cloud.start(machine)
    until(lambda: counted(cloud, arn).get("running") == 2)
    if ends == "stopped":
        states.stop_execution(executionArn=arn)
    ended = cloud.wait(arn)

    assert ended.status == ("ABORTED" if ends == "stopped" else "TIMED_OUT")
    assert (cloud.map_run(arn)["status"], counted(cloud, arn)) == ("RUNNING", {"total": 3, "running": 2, "pending": 1})
    states.redrive_execution(executionArn=arn)
    # The Map Run ends first.
    assert counted(cloud, arn) == {"total": 3, "running": 2, "pending": 1}
    states.stop_execution(executionArn=arn)
    until(lambda: cloud.map_run(arn)["status"] == "ABORTED")
    assert counted(cloud, arn) == {"total": 3, "succeeded": 2, "pending": 1}

    states.redrive_execution(executionArn=arn)
    until(lambda: counted(cloud, arn).get("running") == 1)
    states.stop_execution(executionArn=arn)


def test_should_stop_the_children_when_the_machine_times_out(cloud: Cloud) -> None:
    waiting = {"Wait": {"Type": "Wait", "Seconds": 30, "End": True}}
    ended = run(cloud, map_state(waiting, kind="STANDARD", Items=[1, 2, 3]), TimeoutSeconds=1)

    assert (ended.status, ended.error) == ("TIMED_OUT", "States.Timeout")
    deadline = time.monotonic() + 3
    while cloud.map_run(ended.arn)["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert cloud.map_run(ended.arn)["itemCounts"]["aborted"] == 3


STATEMENTS: dict[str, dict[str, Any]] = {
    "start": {"Effect": "Allow", "Action": "states:StartExecution", "Resource": "*"},
    "read": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::*/list.json"},
    "list": {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"},
    "write": {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::*/runs/*"},
    "describe": {"Effect": "Allow", "Action": "states:DescribeMapRun", "Resource": "*"},
}


@pytest.mark.parametrize(
    ("without", "resource", "error"),
    [
        (None, "getObject", None),
        (None, "listObjectsV2", None),
        ("start", "getObject", "States.Runtime"),
        ("read", "getObject", "States.ItemReaderFailed"),
        ("list", "listObjectsV2", "States.ItemReaderFailed"),
        ("write", "getObject", "States.ResultWriterFailed"),
        ("describe", "getObject", "Sfn.SfnException"),
    ],
)
def test_should_need_each_permission(cloud: Cloud, without: str | None, resource: str, error: str | None) -> None:
    bucket = cloud.bucket()
    cloud.client("s3").put_object(Bucket=bucket, Key="list.json", Body=b"[1]")
    role = cloud.role("states", *[statement for name, statement in STATEMENTS.items() if name != without])
    arguments = {"Bucket": bucket, "Key": "list.json"} if resource == "getObject" else {"Bucket": bucket}
    reader = {"Resource": f"arn:aws:states:::s3:{resource}", "Arguments": arguments}
    mapped = map_state(ItemReader=reader, ResultWriter=writer(bucket, OutputType="JSON", Transformation="NONE"))
    del mapped["End"]
    describe = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:describeMapRun",
        "Arguments": {"MapRunArn": "{% $states.input.MapRunArn %}"},
        "End": True,
    }
    ended = cloud.run({"Map": {**mapped, "Next": "Describe"}, "Describe": describe}, role=role)

    assert ended.error == error, ended.cause
    if error is not None:
        assert "AccessDenied" in f"{ended.error} {ended.cause}" or "is not authorized to perform" in ended.cause


def test_should_refuse_a_field_it_does_not_run(cloud: Cloud) -> None:
    arguments = {"Bucket": "any", "Key": "any", "ExpectedBucketOwner": "111111111111"}
    reader = {"Resource": "arn:aws:states:::s3:getObject", "Arguments": arguments}
    with pytest.raises(ClientError, match=r"the local cloud doesn't run .* /States/Map/ItemReader/.*/ExpectedBucketOw"):
        run(cloud, map_state(ItemReader=reader))


def test_should_refuse_an_expression_in_a_field_of_its_own(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match=r"Reference to '\$\$' is not supported\. at /States/Map/ItemSelector"):
        run(cloud, map_state(Items=[1], ItemSelector={"all": "{% $$ %}"}))
