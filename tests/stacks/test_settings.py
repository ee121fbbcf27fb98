from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_logs as logs

from stacks.settings import (
    RETENTION,
    AccountsSetting,
    LoadTestSetting,
    Settings,
    SettingsError,
    SourceSetting,
    WorkflowSetting,
)
from tests.cdk import make_app, only, template_of

ROOT = Path(__file__).resolve().parents[2]
KEY = "arn:aws:kms:us-east-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab"
MACHINE = "arn:aws:states:us-east-1:111111111111:stateMachine:orders"
THIS_YEAR = datetime.now(tz=UTC).year


def test_should_have_the_design_as_its_defaults() -> None:
    settings = Settings.from_context({})
    assert settings == Settings()
    assert settings.source is None
    assert settings.years is None
    assert settings.unit == "knots"
    assert settings.batch_size == 500
    assert settings.max_concurrency == 200
    assert settings.tolerated_failure_percentage == 5
    assert settings.log_retention_days == 30
    assert settings.results_retention_days is None
    assert settings.removal_policy is RemovalPolicy.RETAIN
    assert settings.schedule is None
    with pytest.raises(FrozenInstanceError):
        settings.batch_size = 1  # type: ignore[misc]


def test_should_show_every_setting_with_its_default_in_cdk_json() -> None:
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    ours = {key: value for key, value in context.items() if not key.startswith("@")}
    assert set(ours) == {field.name for field in fields(Settings)}
    assert Settings.from_context(ours) == Settings()


GOOD_VALUES: list[tuple[str, Any, Any]] = [
    ("source", "noaa", None),
    ("source", "s3://my-bucket", SourceSetting(bucket="my-bucket", prefix="")),
    ("source", "s3://my-bucket/", SourceSetting(bucket="my-bucket", prefix="")),
    ("source", "s3://my.bucket/a/b/", SourceSetting(bucket="my.bucket", prefix="a/b/")),
    ("source", "s3://192.168.1.1.example/", SourceSetting(bucket="192.168.1.1.example", prefix="")),
    ("source", "s3://my-bucket/o'brien/", SourceSetting(bucket="my-bucket", prefix="o'brien/")),
    ("sample", "true", True),
    ("sample", False, False),
    ("years", "2024", (2024,)),
    ("years", " 1929, 2024 ", (1929, 2024)),
    ("years", [2023, THIS_YEAR], (2023, THIS_YEAR)),
    ("years", 2024, (2024,)),
    ("unit", "mph", "mph"),
    ("batch_size", "1000", 1000),
    ("batch_size", 1, 1),
    ("max_concurrency", "10000", 10_000),
    ("tolerated_failure_percentage", "0", 0),
    ("tolerated_failure_percentage", "2.5", 2.5),
    ("tolerated_failure_percentage", 100, 100),
    ("log_retention_days", "3653", 3653),
    ("results_retention_days", "90", 90),
    ("include_execution_data", "true", True),
    ("removal_policy", "destroy", RemovalPolicy.DESTROY),
    ("alarm_email", "oncall@example.com", "oncall@example.com"),
    ("schedule", "rate(1 day)", "rate(1 day)"),
    ("schedule", "cron(0 4 ? * SUN *)", "cron(0 4 ? * SUN *)"),
    ("schedule", "cron(0/15 8-18 ? JAN,JUL MON-FRI 2026-2030)", "cron(0/15 8-18 ? JAN,JUL MON-FRI 2026-2030)"),
    ("schedule", "cron(0 4 LW * ? *)", "cron(0 4 LW * ? *)"),
    ("schedule", "cron(0 4 ? * 6#3 *)", "cron(0 4 ? * 6#3 *)"),
    (
        "accounts",
        '{"source": "111111111111", "target": "222222222222"}',
        AccountsSetting(source=("111111111111",), target="222222222222"),
    ),
    (
        "accounts",
        {"source": ["111111111111", "333333333333"], "target": "222222222222"},
        AccountsSetting(source=("111111111111", "333333333333"), target="222222222222"),
    ),
    ("review_model_id", "eu.amazon.nova-lite-v1:0", "eu.amazon.nova-lite-v1:0"),
    ("quota_warning_percent", "70.5", 70.5),
    ("quota_critical_percent", 100, 100),
    ("watched_workflows", f'{{"Orders": "{MACHINE}"}}', (WorkflowSetting(name="Orders", state_machine_arn=MACHINE),)),
    (
        "watched_workflows",
        {"Wind speed": {"arn": MACHINE, "map_labels": ["AnalyzeObjects"]}},
        (WorkflowSetting(name="Wind speed", state_machine_arn=MACHINE, map_labels=("AnalyzeObjects",)),),
    ),
    ("watched_functions", "analyze, reduce", ("analyze", "reduce")),
    ("watched_functions", ["analyze"], ("analyze",)),
    ("watched_models", "amazon.nova-lite-v1:0", ("amazon.nova-lite-v1:0",)),
    ("load_test", '{"account": "111111111111"}', LoadTestSetting(account="111111111111")),
    (
        "load_test",
        {"account": "111111111111", "map_runs": 0, "max_dollars": 2.5, "ends_at": "2027-01-31T12:00:00Z"},
        LoadTestSetting(
            account="111111111111", map_runs=0, max_dollars=2.5, ends_at=datetime(2027, 1, 31, 12, tzinfo=UTC)
        ),
    ),
]


@pytest.mark.parametrize(("name", "value", "expected"), GOOD_VALUES, ids=str)
def test_should_read_values_of_the_command_line_and_of_cdk_json(name: str, value: Any, expected: Any) -> None:
    assert getattr(Settings.from_context({name: value}), name) == expected


def test_should_know_the_region_of_ones_own_source() -> None:
    settings = Settings.from_context({"source": "s3://my-bucket/", "source_region": "us-gov-west-1"})
    assert settings.source_region == "us-gov-west-1"


def test_should_know_the_key_of_ones_own_source() -> None:
    settings = Settings.from_context({"source": "s3://my-bucket/", "source_key_arn": KEY})
    assert settings.source_key_arn == KEY


@pytest.mark.parametrize(
    "key", ["alias/mine", KEY.replace("key/", "alias/"), KEY.replace("111111111111", "1"), KEY.removeprefix("arn:")]
)
def test_should_refuse_what_is_no_keys_arn(key: str) -> None:
    with pytest.raises(SettingsError, match=r"^source_key_arn is .*; allowed: a KMS key's ARN"):
        Settings.from_context({"source": "s3://my-bucket/", "source_key_arn": key})


def test_should_narrow_the_trust_to_an_organization() -> None:
    accounts = {"source": "111111111111", "target": "222222222222"}
    settings = Settings.from_context({"accounts": accounts, "organization_id": "o-a1b2c3d4e5"})
    assert settings.organization_id == "o-a1b2c3d4e5"
    with pytest.raises(SettingsError, match=r"^organization_id is 'o-1'; allowed: such as o-a1b2c3d4e5\. "):
        Settings.from_context({"accounts": accounts, "organization_id": "o-1"})
    with pytest.raises(SettingsError, match=r"^organization_id is .*; allowed: with accounts only"):
        Settings.from_context({"organization_id": "o-a1b2c3d4e5"})


def test_should_leave_cdks_own_context_alone() -> None:
    context = {"@aws-cdk/core:flag": True, "aws:cdk:bundling-stacks": ["**"], "availability-zones:account=1": []}
    assert Settings.from_context(context) == Settings()


_NO_WORKFLOWS: tuple[Any, ...] = (
    MACHINE,
    "{",
    [],
    {},
    {"a/b": MACHINE},
    {"Orders": MACHINE.replace("stateMachine", "execution")},
    {"Orders": {"map_labels": ["Each"]}},
    {"Orders": {"arn": MACHINE, "labels": ["Each"]}},
    {"Orders": {"arn": MACHINE, "map_labels": ["a b"]}},
    {"Orders": 1},
)
BAD_VALUES: list[tuple[str, Any, str]] = [
    ("source", "noaa2", 'noaa, or "s3://bucket/"'),
    ("source", "s3://my-bucket/prefix", "s3://bucket/prefix/"),
    ("source", "s3://My_Bucket/", "s3://bucket/"),
    ("source", 7, "noaa"),
    *(
        ("source", f"s3://{name}/", "s3://bucket/")
        for name in ("a..b", "a.-b", "192.168.1.1", "xn--a", "ab", "a" * 64, "-ab", "a-s3alias", "a--ol-s3", "a b")
    ),
    ("sample", "yes", "true, false"),
    ("sample", 1, "true, false"),
    ("years", "1928", f"from 1929 to {THIS_YEAR}"),
    ("years", str(THIS_YEAR + 1), f"from 1929 to {THIS_YEAR}"),
    ("years", "2023-2024", "such as 2023,2024"),
    ("years", "", "one year or more"),
    ("years", [], "one year or more"),
    ("years", [True], "one year or more"),
    ("years", [2024.5], "one year or more"),
    ("unit", "beaufort", "knots, mph, kmh, mps"),
    ("batch_size", "0", "a whole number from 1 to 1,000"),
    ("batch_size", "1001", "a whole number from 1 to 1,000"),
    ("batch_size", "ten", "a whole number from 1 to 1,000"),
    ("batch_size", True, "a whole number from 1 to 1,000"),
    ("batch_size", 5.5, "a whole number from 1 to 1,000"),
    ("max_concurrency", "10001", "a whole number from 1 to 10,000"),
    ("tolerated_failure_percentage", "101", "a number from 0 to 100"),
    ("tolerated_failure_percentage", "-1", "a number from 0 to 100"),
    ("tolerated_failure_percentage", "nan", "a number from 0 to 100"),
    ("log_retention_days", "31", "30, 60"),
    ("results_retention_days", "0", "a whole number from 1 to 36,500"),
    ("include_execution_data", "1", "true, false"),
    ("removal_policy", "keep", "retain, destroy"),
    ("alarm_email", "oncall", "an e-mail address"),
    ("schedule", "daily", "rate(7 days)"),
    ("schedule", "cron(0 4 * * *)", "six fields"),
    ("schedule", "cron(x x x x x x)", "six fields"),
    ("schedule", "cron(0 4 * * * *)", "six fields"),
    ("schedule", "cron(0 4 ? * ? *)", "six fields"),
    *(
        ("accounts", value, "different accounts of 12 digits as text")
        for value in (
            "111111111111",
            '{"source": "111111111111"',
            {"source": "111111111111"},
            {"source": "111111111111", "target": "222222222222", "region": "us-east-1"},
            {"source": "11111111111", "target": "222222222222"},
            {"source": 111111111111, "target": "222222222222"},
            {"source": [], "target": "222222222222"},
            {"source": "222222222222", "target": "222222222222"},
            {"source": ["111111111111", "111111111111"], "target": "222222222222"},
            {"source": "111111111111", "target": ["222222222222"]},
        )
    ),
    ("review_model_id", "", "eu.amazon.nova-lite-v1:0"),
    ("review_model_id", "Nova Lite", "eu.amazon.nova-lite-v1:0"),
    ("schedule", "cron(0 4 ? * SUNDAY *)", "six fields"),
    ("quota_warning_percent", "101", "a number over 0, up to 100"),
    ("quota_warning_percent", 0, "a number over 0, up to 100"),
    ("quota_critical_percent", "many", "a number over 0, up to 100"),
    *(("watched_workflows", value, "titles with ARNs of state machines") for value in _NO_WORKFLOWS),
    ("watched_functions", "a b", "names of Lambda functions, each once"),
    ("watched_functions", "analyze,analyze", "names of Lambda functions, each once"),
    ("watched_functions", [], "names of Lambda functions, each once"),
    ("watched_functions", {"a": 1}, "names of Lambda functions, each once"),
    ("watched_models", "Nova Lite", "ids of Bedrock models, each once"),
    *(
        ("load_test", value, "with the 12 digits of your own account, as text")
        for value in (
            "true",
            "{",
            {},
            {"map_runs": 1},
            {"account": 111111111111},
            {"account": "11111111111"},
            {"account": "111111111111", "map_run": 1},
            {"account": "111111111111", "map_runs": -1},
            {"account": "111111111111", "transitions_per_execution": 10_001},
            {"account": "111111111111", "max_dollars": 0},
            {"account": "111111111111", "ends_at": "2027-01-31T12:00:00"},
            {"account": "111111111111", "ends_at": "soon"},
        )
    ),
]


@pytest.mark.parametrize(("name", "value", "allowed"), BAD_VALUES, ids=str)
def test_should_refuse_a_wrong_value_by_name(name: str, value: Any, allowed: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_context({name: value})
    message = str(caught.value)
    assert message.startswith(f"{name} is {value!r}; allowed: ")
    assert allowed in message
    assert "Change it in cdk.json or with -c" in message
    assert "\n" not in message


def test_should_refuse_settings_that_do_not_go_together() -> None:
    with pytest.raises(
        SettingsError, match=r"^source_region is 'eu-west-1'; allowed: with a source of your own only\."
    ):
        Settings.from_context({"source_region": "eu-west-1"})
    with pytest.raises(SettingsError, match=r"^source_key_arn is 'arn:.*'; allowed: with a source of your own only\."):
        Settings.from_context({"source_key_arn": KEY})
    with pytest.raises(SettingsError, match=r"^years is \[2024\]; allowed: with the source noaa only"):
        Settings.from_context({"source": "s3://my-bucket/", "years": "2024"})
    with pytest.raises(
        SettingsError, match=r"^quota_warning_percent is 95; allowed: at most quota_critical_percent, 90\. Lower "
    ):
        Settings.from_context({"quota_warning_percent": "95"})


def test_should_refuse_a_misspelt_key() -> None:
    with pytest.raises(
        SettingsError, match=r"^unti: no such setting; allowed: accounts, alarm_email, .* Did you mean unit\?$"
    ):
        Settings.from_context({"unti": "mph"})
    with pytest.raises(SettingsError, match=r"^colour: no such setting; .* Remove it\.$"):
        Settings.from_context({"colour": "red"})


@pytest.mark.parametrize("days", RETENTION)
def test_should_offer_what_cloudwatch_logs_can_keep(days: int) -> None:
    assert Settings.from_context({"log_retention_days": str(days)}).log_retention_days == days
    app = make_app()
    logs.LogGroup(stack := Stack(app, "Stack"), "Logs", retention=RETENTION[days])
    assert only(template_of(stack), "AWS::Logs::LogGroup")["RetentionInDays"] == days
