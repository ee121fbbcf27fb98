"""Requests to S3 fail on purpose as S3 fails: the SDK knows the error, and the object stays as it is."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from botocore.exceptions import ClientError

from constructs_lib.local.control import call
from constructs_lib.local.endpoint import Endpoint
from constructs_lib.local.errors import LocalCloudError
from constructs_lib.testing import faults
from tests.constructs_lib.local.emulator.conftest import Cloud

pytestmark = pytest.mark.local

BUCKET = "failing-bucket"
FAULT = {"bucket": BUCKET, "key": "a/*", "method": "GET", "status": 503, "code": "SlowDown", "times": 1}


def endpoint(cloud: Cloud) -> Endpoint:
    return Endpoint(f"https://127.0.0.1:{cloud.port}", cloud.folder / "tmp" / "ministack-tls" / "server.crt")


def control(cloud: Cloud, method: str, body: Any = None) -> Any:
    return call(endpoint(cloud), method, "/_local/s3-faults", body)


@pytest.fixture(scope="module", autouse=True)
def bucket(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for key in ("a/1", "a/2", "b/1"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode())


@pytest.fixture(autouse=True)
def _no_faults_left(cloud: Cloud) -> Iterator[None]:
    yield
    control(cloud, "DELETE")


@pytest.fixture
def s3(cloud: Cloud) -> Any:
    """A client that asks once."""
    return cloud.client("s3")


def test_answers_as_s3_does_so_often_and_only_where_it_was_asked_for(cloud: Cloud, s3: Any) -> None:
    control(cloud, "POST", FAULT)
    assert s3.get_object(Bucket=BUCKET, Key="b/1")["Body"].read() == b"b/1"
    with pytest.raises(ClientError, match=r"\(SlowDown\).*made this request fail") as raised:
        s3.get_object(Bucket=BUCKET, Key="a/1")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert s3.get_object(Bucket=BUCKET, Key="a/1")["Body"].read() == b"a/1"
    assert [fault["thrown"] for fault in control(cloud, "GET")["faults"]] == [1]


def test_lets_a_put_fail_and_keeps_what_was_there(cloud: Cloud, s3: Any) -> None:
    """Of so large a body the SDK asks first whether it may send it."""
    control(cloud, "POST", FAULT | {"method": "PUT", "status": 403, "code": "AccessDenied", "times": None})
    for _ in range(2):
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(Bucket=BUCKET, Key="a/1", Body=BytesIO(bytes(2 * 1024 * 1024)))
    control(cloud, "DELETE")
    assert s3.get_object(Bucket=BUCKET, Key="a/1")["Body"].read() == b"a/1"


@pytest.mark.parametrize("key", ["a[1]?.csv", "a%41+b.csv", "ä b/ü&.csv", "line\nfeed"])
def test_takes_a_key_at_its_word(cloud: Cloud, s3: Any, key: str) -> None:
    others = ("a1x.csv", "aA+b.csv")
    for name in (key, *others):
        s3.put_object(Bucket=BUCKET, Key=name, Body=b"")
    try:
        control(cloud, "POST", FAULT | {"key": key})
        for name in others:
            s3.get_object(Bucket=BUCKET, Key=name)
        with pytest.raises(ClientError, match="SlowDown"):
            s3.get_object(Bucket=BUCKET, Key=key)
        control(cloud, "POST", FAULT | {"key": f"{key[:2]}*{key[-2:]}"})
        with pytest.raises(ClientError, match="SlowDown"):
            s3.get_object(Bucket=BUCKET, Key=key)
    finally:
        for name in (key, *others):
            s3.delete_object(Bucket=BUCKET, Key=name)


def test_leaves_requests_to_the_bucket_alone_where_it_is_for_any_key(cloud: Cloud, s3: Any) -> None:
    for method in ("GET", "HEAD"):
        control(cloud, "POST", FAULT | {"key": "*", "method": method, "times": None})
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 3
    s3.head_bucket(Bucket=BUCKET)
    with pytest.raises(ClientError, match="SlowDown"):
        s3.get_object(Bucket=BUCKET, Key="a/1")


def test_answers_a_head_without_a_body(cloud: Cloud, s3: Any) -> None:
    """Nor does S3: the SDK knows the status only, and goes on with the connection."""
    control(cloud, "POST", FAULT | {"method": "HEAD", "status": 404, "code": "NoSuchKey"})
    with pytest.raises(ClientError) as raised:
        s3.head_object(Bucket=BUCKET, Key="a/1")
    assert raised.value.response["Error"]["Code"] == "404"
    assert s3.head_object(Bucket=BUCKET, Key="a/1")["ContentLength"] == 3


def test_lets_a_listing_fail(cloud: Cloud, s3: Any) -> None:
    fault = faults.add_s3(endpoint(cloud), "ListObjectsV2", BUCKET, "*")
    assert s3.get_object(Bucket=BUCKET, Key="a/1")["Body"].read() == b"a/1"
    with pytest.raises(ClientError, match="SlowDown"):
        s3.list_objects_v2(Bucket=BUCKET)
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 3
    assert fault.thrown == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, r"A fault of S3 is bucket, key, method, status, code, times; given: None\."),
        (FAULT | {"bucket": ""}, r"bucket, key and code are texts"),
        (FAULT | {"code": "<x>"}, r"bucket, key and code are texts"),
        (FAULT | {"method": "PATCH"}, r"method is one of GET, HEAD, PUT, POST, DELETE, not 'PATCH'\."),
        (FAULT | {"status": 200}, r"status is a whole number from 400 to 599, not 200\."),
        (FAULT | {"times": 0}, r"times is a whole number, 1 or more, or null for every request, not 0\."),
    ],
)
def test_refuses_what_is_no_fault(cloud: Cloud, body: Any, message: str) -> None:
    with pytest.raises(LocalCloudError, match=message):
        control(cloud, "POST", body)
