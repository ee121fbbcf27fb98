"""What a forecast reads out of a cloud assembly, and what it refuses for what it lacks."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk
import pytest
from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import ItemFormat, ObjectSource, S3DistributedMap
from constructs_lib.assembly import Assembly
from constructs_lib.forecast.job import Bucket, Child, Handler, Reducer, Source
from constructs_lib.forecast.workflow import MapSettings, read_map
from tests.cdk import make_app
from tests.constructs_lib.forecast.assemblies import INVOKE, MAP, JsonObject, changed, child, definition, job, write

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
PASS: JsonObject = {"Type": "Pass", "End": True}
INVENTORY: JsonObject = {
    "Resource": "arn:aws:states:::s3:getObject",
    "ReaderConfig": {"InputType": "MANIFEST"},
    "Arguments": {"Bucket": "b", "Key": "manifest.json"},
}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., MapSettings]:
    """Read an assembly with this map alone."""

    def read(state: JsonObject = MAP, **written: Any) -> MapSettings:
        machines = {"Machine1A2B3C4D": definition(Map=state)}
        return read_map(Assembly.read(write(tmp_path, machines=machines, **written)))

    return read


def example(name: str, monkeypatch: pytest.MonkeyPatch) -> Assembly:
    monkeypatch.setattr(aws_cdk, "App", make_app)
    app = runpy.run_path(str(EXAMPLES / name / "app.py"), run_name="__main__")["app"]
    return Assembly.read(app.synth().directory)


def test_should_read_the_wind_speed_workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_map(example("wind_speed", monkeypatch))
    assert dict(settings.values) == {
        "batch_size": 500,
        "max_concurrency": 200,
        "child": Child.EXPRESS,
        "states_per_child": 2,
        "parent_states": 8,
        "source": Source.INDEX,
        "reducer": Reducer.FUNCTION,
        "bucket": Bucket.PUBLIC,
        "handler": Handler.WIND_SPEED,
        "function_memory_mb": 1_769,
    }
    assert job(settings).objects == 600_000


def test_should_read_a_map_of_another_job(monkeypatch: pytest.MonkeyPatch) -> None:
    found = job(read_map(example("distributed_map", monkeypatch)), objects=20_000)
    assert (found.objects, found.batch_size, found.max_concurrency) == (20_000, 100, 50)
    assert (found.child, found.source, found.reducer) == (Child.EXPRESS, Source.LIST, Reducer.FUNCTION)
    assert (found.function_memory_mb, found.parent_states) == (128, 3)
    assert (found.bucket, found.handler) == (Bucket.OWN, Handler.OTHER)


def test_should_say_where_each_value_stands(read: Callable[..., MapSettings]) -> None:
    settings = read(function={"MemorySize": 512, "ReservedConcurrentExecutions": 30}, region="eu-west-2")
    assert (settings.map_name, settings.machine) == ("Map", "Files.Machine")
    assert {name: (value, settings.places[name]) for name, value in settings.values.items()} == {
        "region": ("eu-west-2", "the Region of Files"),
        "batch_size": (100, "ItemBatcher.MaxItemsPerBatch"),
        "max_concurrency": (50, "MaxConcurrency"),
        "child": (Child.STANDARD, "ProcessorConfig.ExecutionType"),
        "states_per_child": (1, "ItemProcessor.States"),
        "parent_states": (1, "States"),
        "source": (Source.LIST, "ItemReader's listObjectsV2"),
        "reducer": (Reducer.NONE, "no function after the map"),
        "bucket": (Bucket.OWN, "not noaa-gsod-pds"),
        "handler": (Handler.OTHER, "the function Reader: Handler"),
        "function_memory_mb": (512, "the function Reader: MemorySize"),
        "lambda_concurrency": (30, "the function Reader: ReservedConcurrentExecutions"),
    }
    assert not settings.missing


def test_should_prefer_what_is_given(tmp_path: Path) -> None:
    found = job(read_map(Assembly.read(write(tmp_path))), objects=10, batch_size=7, region="us-west-2")
    assert (found.objects, found.batch_size, found.region, found.max_concurrency) == (10, 7, "us-west-2", 50)


@pytest.mark.parametrize(
    ("path", "to", "name", "value"),
    [
        (("ItemBatcher",), None, "batch_size", 1),
        (("ItemBatcher", "MaxItemsPerBatch"), "250", "batch_size", 250),
        (("MaxConcurrency",), None, "max_concurrency", 10_000),
        (("MaxConcurrency",), 0, "max_concurrency", 10_000),
        (("ItemReader", "Arguments", "Bucket"), "noaa-gsod-pds", "bucket", Bucket.PUBLIC),
        (("ItemReader", "Arguments", "Bucket"), "noaa-gsod-pds-of-ours", "bucket", Bucket.OWN),
        (("ItemReader", "Arguments"), None, "bucket", Bucket.OWN),
        (("ItemReader",), INVENTORY, "source", Source.FILE),
        (("ItemReader", "ReaderConfig"), {"MaxItems": 77}, "objects", 77),
        (("ItemReader", "ReaderConfig"), {"MaxItems": 100_000_000}, "objects", 600_000),
        (("ItemProcessor", "ProcessorConfig", "ExecutionType"), "EXPRESS", "child", Child.EXPRESS),
    ],
)
def test_should_read_each_field(
    read: Callable[..., MapSettings], path: tuple[str, ...], to: object, name: str, value: object
) -> None:
    assert getattr(job(read(changed(MAP, *path, to=to))), name) == value


@pytest.mark.parametrize(
    ("path", "to", "name", "why"),
    [
        (("MaxConcurrency",), "{% $n %}", "max_concurrency", "has MaxConcurrency as an expression"),
        (("MaxConcurrencyPath",), "$.n", None, ""),
        (("ItemBatcher",), {"MaxInputBytesPerBatch": 9}, "batch_size", "without ItemBatcher.MaxItemsPerBatch"),
        (("ItemBatcher",), {"MaxItemsPerBatchPath": "$.n"}, "batch_size", "MaxItemsPerBatch as an expression"),
        (("ItemProcessor", "ProcessorConfig", "ExecutionType"), None, "child", "has no ProcessorConfig.ExecutionType"),
    ],
)
def test_should_ask_for_what_the_assembly_does_not_say(
    read: Callable[..., MapSettings], path: tuple[str, ...], to: object, name: str | None, why: str
) -> None:
    settings = read(changed(MAP, *path, to=to))
    if name is None:
        assert not settings.missing
        return
    with pytest.raises(ValueError, match=f"(?s)^The map 'Map' of Files.Machine .*{why}.*Fix: give --") as error:
        job(settings)
    assert f"--{name.replace('_', '-')}." in str(error.value)
    given = {"child": Child.EXPRESS}.get(name, 5)
    assert getattr(job(settings, **{name: given}), name) == given


def reading(**config: Any) -> JsonObject:
    return {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": config, "Arguments": {"Key": "a"}}


CSV, GIVEN = {"InputType": "CSV"}, {"InputType": "CSV", "CSVHeaderLocation": "GIVEN"}


@pytest.mark.parametrize(
    ("reader", "selector", "what"),
    [
        (reading(InputType="PARQUET"), None, "the items in a file"),
        (reading(InputType="JSON"), {"key": "{% $states.context.Map.Item.Value.key %}"}, "the items in a file"),
        (reading(InputType="JSONL"), None, "the items in a file"),
        (reading(**GIVEN, CSVHeaders=["key"], ManifestType="ATHENA_DATA"), None, "the items in a file"),
        (reading(InputType="MANIFEST", ManifestType="ATHENA_DATA"), None, "the items in a file"),
        (reading(**CSV), None, "the rows of a CSV"),
        (reading(**CSV), {"name": "{% $states.context.Map.Item.Value.monkey %}"}, "the rows of a CSV"),
        (reading(**GIVEN, CSVHeaders=["name", "keys"]), None, "the rows of a CSV"),
        (None, None, "no file, and lists no bucket"),
        (
            MAP["ItemReader"] | {"ReaderConfig": {"InputType": "JSONL", "Transformation": "LOAD_AND_FLATTEN"}},
            None,
            "what is in the objects",
        ),
    ],
)  # fmt: skip
def test_should_refuse_records(
    read: Callable[..., MapSettings], reader: JsonObject | None, selector: JsonObject | None, what: str
) -> None:
    with pytest.raises(
        ValueError, match=rf"^The map 'Map' of Files\.Machine reads {what}: its items are records, "
    ) as no:
        read(changed(changed(MAP, "ItemReader", to=reader), "ItemSelector", to=selector))
    assert "\n" not in str(no.value)
    assert "--" not in str(no.value)


@pytest.mark.parametrize(
    ("reader", "selector"),
    [
        (reading(InputType="MANIFEST", ManifestType="S3_INVENTORY"), {}),
        (reading(**GIVEN, CSVHeaders=["Bucket", "Key"]), {}),
        (reading(**CSV), {"ItemSelector": {"key": "{% $states.context.Map.Item.Value.`path` %}"}}),
        (reading(**CSV), {"ItemSelector": {"file": "{% $states.context.Map.Item.Value.`key` %}"}}),
        (reading(**CSV), {"ItemSelector": {"file.$": "$$.Map.Item.Value.Key"}}),
        (reading(**CSV), {"Parameters": {"key.$": "$$.Map.Item.Value.path"}}),
    ],
)
def test_should_take_a_file_that_names_objects(
    read: Callable[..., MapSettings], reader: JsonObject, selector: JsonObject
) -> None:
    assert read(changed(MAP, "ItemReader", to=reader) | selector).values["source"] is Source.FILE


@pytest.mark.parametrize(
    ("source", "is_read"),
    [
        (lambda bucket: ObjectSource.from_csv(bucket, key="a.csv", column="path"), True),
        (lambda bucket: ObjectSource.from_inventory(bucket, manifest_key="bucket/all/now/manifest.json"), True),
        (lambda bucket: ObjectSource.from_file(bucket, key="a.csv", item_format=ItemFormat.csv()), False),
        (lambda bucket: ObjectSource.from_contents(bucket, item_format=ItemFormat.json_lines()), False),
    ],
)
def test_should_tell_our_own_sources_apart(
    tmp_path: Path, source: Callable[[s3.IBucket], ObjectSource], is_read: bool
) -> None:
    app = make_app(outdir=tmp_path)
    stack = Stack(app, "Files")
    bucket = s3.Bucket(stack, "Bucket")
    function = lambda_.Function(
        stack,
        "Reader",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_14,
    )
    mapped = S3DistributedMap(
        stack, "Map", source=source(bucket), processor=function, max_items_per_batch=5, results_bucket=bucket
    )
    body = sfn.DefinitionBody.from_chainable(mapped)
    sfn.StateMachine(stack, "Machine", definition_body=body, query_language=sfn.QueryLanguage.JSONATA)
    assembly = Assembly.read(app.synth().directory)
    if is_read:
        assert read_map(assembly).values["source"] is Source.FILE
    else:
        with pytest.raises(ValueError, match="its items are records, not objects"):
            read_map(assembly)


FILE_MAP = changed(MAP, "ItemReader", to=INVENTORY)
TASK, PASSING = changed(INVOKE, "End"), changed(PASS, "End")
NEXT = changed(FILE_MAP, "End") | {"Next": "After"}
CAUGHT = FILE_MAP | {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "After"}]}


@pytest.mark.parametrize(
    ("states", "source", "reducer"),
    [
        ({"Map": FILE_MAP}, Source.FILE, Reducer.NONE),
        ({"Before": TASK | {"Next": "Map"}, "Map": FILE_MAP}, Source.INDEX, Reducer.NONE),
        ({"Before": TASK | {"Next": "Map"}, "Map": NEXT, "After": PASS}, Source.INDEX, Reducer.NONE),
        ({"Before": PASSING | {"Next": "Map"}, "Map": NEXT, "After": INVOKE}, Source.FILE, Reducer.FUNCTION),
        # What runs after an error is no reducer, and another map's children are none.
        ({"Map": CAUGHT, "After": INVOKE}, Source.FILE, Reducer.NONE),
        ({"Map": NEXT, "After": MAP | {"Label": "Other"}}, Source.FILE, Reducer.NONE),
        # A function whose name only the execution knows is one, too.
        (
            {"Map": NEXT, "After": changed(INVOKE, "Arguments", "FunctionName", to="{% $f %}")},
            Source.FILE,
            Reducer.FUNCTION,
        ),
        (
            {
                "Before": {"Type": "Parallel", "Branches": [definition(Index=INVOKE)], "Next": "Go on"},
                "Go on": {"Type": "Choice", "Choices": [{"Next": "Inner"}], "Default": "Never"},
                "Inner": {"Type": "Parallel", "Branches": [definition(Map=FILE_MAP)], "Next": "Done"},
                "Never": INVOKE,
                "Done": {"Type": "Pass", "Next": "After"},
                "After": INVOKE,
            },
            Source.INDEX,
            Reducer.FUNCTION,
        ),
    ],
    ids=["alone", "before", "no function after", "after", "error", "other map", "expression", "around"],
)  # fmt: skip
def test_should_find_the_functions_before_and_after_the_map(
    tmp_path: Path, states: JsonObject, source: Source, reducer: Reducer
) -> None:
    folder = write(tmp_path, machines={"Machine1A2B3C4D": definition(**states)})
    values = read_map(Assembly.read(folder), map_name="Map").values
    assert (values["source"], values["reducer"]) == (source, reducer)


def test_should_read_a_concurrency_path_as_an_expression(read: Callable[..., MapSettings]) -> None:
    state = changed(changed(MAP, "MaxConcurrency"), "MaxConcurrencyPath", to="$.n")
    assert set(read(state).missing) == {"max_concurrency"}


@pytest.mark.parametrize(
    ("states", "count"),
    [
        ({"A": changed(INVOKE, "End") | {"Next": "B"}, "B": PASS}, 2),
        ({"A": {"Type": "Choice", "Choices": [{"Next": "B"}], "Default": "C"}, "B": INVOKE, "C": PASS}, 2),
        ({"A": {"Type": "Parallel", "Branches": [definition(B=INVOKE), definition(C=PASS)], "End": True}}, 3),
        ({"A": changed(INVOKE, "End") | {"Next": "B"}, "B": {"Type": "Choice", "Choices": [{"Next": "A"}]}}, None),
        ({"A": {"Type": "Map", "ItemProcessor": definition(B=INVOKE), "End": True}}, None),
    ],
    ids=["chain", "longest way", "both branches", "loop", "map"],
)
def test_should_count_the_states_of_a_child(
    read: Callable[..., MapSettings], states: JsonObject, count: int | None
) -> None:
    settings = read(child(MAP, **states))
    assert settings.values.get("states_per_child") == count
    assert ("states_per_child" in settings.missing) == (count is None)


@pytest.mark.parametrize(
    "invoke",
    [
        {"Type": "Task", "Resource": "${Fn}", "End": True},
        {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "${Fn}:live"}},
        {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:lambda:invoke",
            "Arguments": {"FunctionName": "Files-Reader"},
        },
    ],
    ids=["resource", "alias", "name"],
)
def test_should_find_the_function(read: Callable[..., MapSettings], invoke: JsonObject) -> None:
    assert read(child(MAP, A=invoke), function={"MemorySize": 300}).values["function_memory_mb"] == 300


def test_should_know_noaas_bucket_by_the_functions_environment(read: Callable[..., MapSettings]) -> None:
    found = [
        read(function={"Environment": {"Variables": {"A": {"Ref": "AWS::Region"}, "B": bucket}}}).values["bucket"]
        for bucket in ("noaa-gsod-pds", {"Ref": "Bucket"})
    ]
    assert found == [Bucket.PUBLIC, Bucket.OWN]


def test_should_find_a_function_on_any_way(read: Callable[..., MapSettings]) -> None:
    choice = {"Type": "Choice", "Choices": [{"Next": "Skip"}], "Default": "Read"}
    settings = read(child(MAP, A=choice, Skip=PASS, Read=INVOKE), function={"MemorySize": 300})
    assert settings.values["function_memory_mb"] == 300


def test_should_count_each_state_of_a_parent_that_loops_once(tmp_path: Path) -> None:
    again = {"Type": "Choice", "Choices": [{"Next": "Map"}], "Default": "Done"}
    machine = definition(Map=changed(MAP, "End") | {"Next": "Again?"}, **{"Again?": again}, Done=PASS)
    settings = read_map(Assembly.read(write(tmp_path, machines={"Machine1A2B3C4D": machine})))
    assert settings.values["parent_states"] == 3


@pytest.mark.parametrize("name", ["arn:aws:lambda:us-east-1:111111111111:function:theirs", "{% $f %}"])
def test_should_ask_for_the_memory_of_a_function_of_elsewhere(read: Callable[..., MapSettings], name: str) -> None:
    settings = read(child(MAP, A=changed(INVOKE, "Arguments", "FunctionName", to=name)))
    with pytest.raises(ValueError, match=r"isn't in this assembly. Fix: give --function-memory-mb."):
        job(settings)
    assert job(settings, function_memory_mb=128).handler is Handler.OTHER


def test_should_refuse_children_without_a_function(read: Callable[..., MapSettings]) -> None:
    with pytest.raises(ValueError, match=r"No child of 'Map' of Files.Machine runs a Lambda function; allowed: "):
        read(child(MAP, A=PASS))


@pytest.mark.parametrize("states", [{"A": PASS}, {"A": changed(MAP, "ItemProcessor", "ProcessorConfig")}])
def test_should_refuse_an_assembly_without_a_distributed_map(tmp_path: Path, states: JsonObject) -> None:
    folder = write(tmp_path, machines={"Machine1A2B3C4D": definition(**states)})
    with pytest.raises(ValueError, match="has no Distributed Map; allowed: an assembly with a Map whose"):
        read_map(Assembly.read(folder))


@pytest.mark.parametrize(
    "machine", [{"StartAt": "A"}, {"States": []}, {"States": {"A": 1}}, {"States": {"A": {"Branches": [2]}}}]
)
def test_should_survive_a_definition_that_is_none(tmp_path: Path, machine: JsonObject) -> None:
    with pytest.raises(ValueError, match="has no Distributed Map"):
        read_map(Assembly.read(write(tmp_path, machines={"Machine1A2B3C4D": machine})))


TWO = {
    "First1A2B3C4D": definition(Map=MAP),
    "Second1A2B3C4D": definition(Other=changed(MAP, "MaxConcurrency", to=9) | {"Label": "Others"}),
}


def test_should_ask_which_of_several_maps(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"2 Distributed Maps: 'Map' of Files.First, 'Other' of Files.Second. Fix: ch"):
        read_map(Assembly.read(write(tmp_path, machines=TWO)))


@pytest.mark.parametrize(
    "chosen",
    [
        {"map_name": "Other"},
        {"map_name": "Others"},
        {"machine": "Second"},
        {"machine": "Second1A2B3C4D"},
        {"machine": "Files.Second"},
        {"machine": "Files/Second"},
        {"machine": "Files-Second1A2B3C4D"},
        {"machine": "Second", "map_name": "Other"},
    ],
)
def test_should_choose_a_map_by_its_names(tmp_path: Path, chosen: dict[str, str]) -> None:
    assert job(read_map(Assembly.read(write(tmp_path, machines=TWO)), **chosen)).max_concurrency == 9


def test_should_list_the_maps_for_a_name_that_none_has(tmp_path: Path) -> None:
    assembly = Assembly.read(write(tmp_path, machines=TWO))
    with pytest.raises(ValueError, match=r"No Distributed Map is 'Map' of 'Second'. Allowed: 'Map' of Files.First, 'O"):
        read_map(assembly, machine="Second", map_name="Map")


def test_should_take_the_only_map_that_can_be_foreseen(tmp_path: Path) -> None:
    machines = TWO | {"First1A2B3C4D": definition(Map=child(MAP, A=PASS))}
    assert read_map(Assembly.read(write(tmp_path, machines=machines))).map_name == "Other"


def test_should_find_a_map_inside_another_state(tmp_path: Path) -> None:
    inner = {"Type": "Parallel", "Branches": [definition(Map=MAP), definition(A=PASS)], "End": True}
    found = read_map(Assembly.read(write(tmp_path, machines={"Machine1A2B3C4D": definition(Both=inner)})))
    assert (found.values["max_concurrency"], found.values["parent_states"]) == (50, 3)
