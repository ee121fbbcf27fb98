"""An S3 on loopback with a source and a results bucket, and handlers whose environment points at it."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import botocore.loaders
import botocore.session
import pytest

from bench.s3_server import S3Server
from lambdas.wind_speed import analyze, s3

if TYPE_CHECKING:
    from collections.abc import Iterator


# Reading the SDK's description of S3 anew takes a quarter of a second, at each of some hundred cold starts.
_DESCRIPTIONS = botocore.loaders.create_loader()


def _cold_session() -> botocore.session.Session:
    session = botocore.session.Session()
    session.register_component("data_loader", _DESCRIPTIONS)
    return session


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    for name in [*os.environ]:
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("botocore.session.get_session", _cold_session)
    with S3Server({"source": {}, "results": {}}) as running:
        use(running, monkeypatch)
        yield running
        # A batch that fails leaves threads behind.
        for thread in threading.enumerate():
            if thread.name.startswith("ThreadPoolExecutor"):
                thread.join()
    forget()


def use(running: S3Server, monkeypatch: pytest.MonkeyPatch, *, endpoint: str | None = None) -> None:
    """Point the handlers at a server, as a cold start would."""
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint or running.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "SOURCE_BUCKET": "source",
        "SOURCE_PREFIX": "",
        "RESULTS_BUCKET": "results",
    }.items():
        monkeypatch.setenv(name, value)
    forget()


def forget() -> None:
    """Drop what a process keeps between its invocations."""
    s3.client.cache_clear()
    s3._session.cache_clear()
    s3.slow_downs._take()
    analyze._reader.cache_clear()
