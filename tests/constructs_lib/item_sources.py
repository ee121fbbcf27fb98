"""Every item source once: what it is in a template, what it may read, and what it reads.

The keys and the number of items come with the execution's input, so that a test can ask for what isn't granted.
"""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aws_cdk import DefaultStackSynthesizer, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import ItemFormat, KeyExpression, ObjectSource, S3DistributedMap, StateItems
from tests.cdk import make_app

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GET_OBJECT, LIST_OBJECTS = (f"arn:${{AWS::Partition}}:states:::s3:{api}" for api in ("getObject", "listObjectsV2"))
KEY, MOST = "$states.context.Execution.Input.key", "$states.context.Execution.Input.most"
INVENTORY = {
    "sourceBucket": "images",
    "destinationBucket": "arn:aws:s3:::data-bucket",
    "version": "2016-11-30",
    "fileFormat": "CSV",
    "fileSchema": "Bucket, Key, Size",
}


def key(pattern: str) -> KeyExpression:
    return KeyExpression(jsonata=KEY, pattern=pattern)


def parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    from pyarrow.parquet import write_table

    sink = io.BytesIO()
    write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def inventory(*files: str) -> bytes:
    return json.dumps(INVENTORY | {"files": [{"key": file, "size": 1} for file in files]}).encode()


@dataclass(frozen=True)
class Source:
    """One of them.

    Args:
        make: the source, of a bucket of data and another one.
        reader: its exact ReaderConfig; its Arguments are always Bucket and the expression KEY.
        may_read: the patterns of what it may read, by bucket.
        may_list: the prefix that it may list.
        objects: what lies in the bucket of data, and in the other by a name that begins with a slash.
        read: the key or prefix that is read.
        items: more of them than an execution asks for.
        sources: the URI of each.
        denied: a key or prefix that it may not read, or whose objects it may not.

    """

    make: Callable[[s3.IBucket, s3.IBucket], ObjectSource | StateItems]
    reader: Mapping[str, Any]
    may_read: Mapping[str, list[str]]
    objects: Mapping[str, Callable[[], bytes]]
    read: str
    items: list[Any]
    sources: list[str]
    denied: str
    may_list: str | None = None
    api: str = field(default=GET_OBJECT)


def text(body: str) -> Callable[[], bytes]:
    return body.encode


ROWS = [{"station": "a", "days": 365, "mean": 5.25}, {"station": "b", "days": 12, "mean": None}]
MORE = [{"station": "c", "days": 1, "mean": 0.5}, {"station": "é", "days": 2, "mean": 1e300}]

SOURCES = {
    "listing": Source(
        make=lambda data, other: ObjectSource.from_listing(data, prefix=key("images/*"), max_items=MOST),
        api=LIST_OBJECTS,
        reader={},
        may_list="images/*",
        may_read={},
        objects={f"images/{name}.jpg": text("x") for name in "dbca"} | {"secret/1.jpg": text("x")},
        read="images/",
        items=[{"key": f"images/{name}.jpg"} for name in "abcd"],
        sources=["S3://data-bucket"] * 4,
        denied="secret/",
    ),
    "index": Source(
        make=lambda data, other: ObjectSource.from_csv(data, key=key("indexes/*.csv"), max_items=MOST),
        reader={"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
        may_read={"Data": ["indexes/*.csv"]},
        objects={
            "indexes/1.csv": text('year,key\n2024,"2024/a,b"\n2024,2024/c\n2023,2023/d\n2022,e\n'),
            "other/1.csv": text("key\n"),
        },
        read="indexes/1.csv",
        items=[{"key": name} for name in ("2024/a,b", "2024/c", "2023/d", "e")],
        sources=["S3://data-bucket/indexes/1.csv"] * 4,
        denied="other/1.csv",
    ),
    "csv": Source(
        make=lambda data, other: ObjectSource.from_file(
            data,
            key=key("csv/*"),
            item_format=ItemFormat.csv(headers=["station", "days"], delimiter="PIPE"),
            max_items=MOST,
        ),
        reader={
            "InputType": "CSV",
            "CSVHeaderLocation": "GIVEN",
            "CSVHeaders": ["station", "days"],
            "CSVDelimiter": "PIPE",
        },
        may_read={"Data": ["csv/*"]},
        objects={"csv/days.csv.gz": lambda: gzip.compress(b'a|365\nb\\|c|12\n"d"\ne|1|x\n'), "csv2": text("a|1")},
        read="csv/days.csv.gz",
        items=[
            {"station": station, "days": days} for station, days in (("a", "365"), ("b|c", "12"), ("d", ""), ("e", "1"))
        ],
        sources=["S3://data-bucket/csv/days.csv.gz"] * 4,
        denied="csv2",
    ),
    "json": Source(
        make=lambda data, other: ObjectSource.from_file(
            data, key=key("json/*"), item_format=ItemFormat.json(items_pointer="/of/2024"), max_items=MOST
        ),
        reader={"InputType": "JSON", "ItemsPointer": "/of/2024"},
        may_read={"Data": ["json/*"]},
        objects={
            "json/nested.json": text(
                '{"of": {"2024": [1, "a second item, a longer one", {"n": [3], "and": "more"}, null]}}'
            ),
            "top.json": text("[]"),
        },
        read="json/nested.json",
        items=[1, "a second item, a longer one", {"n": [3], "and": "more"}, None],
        sources=["S3://data-bucket/json/nested.json"] * 4,
        denied="top.json",
    ),
    "json lines": Source(
        make=lambda data, other: ObjectSource.from_file(
            data, key=key("lines/*"), item_format=ItemFormat.json_lines(), max_items=MOST
        ),
        reader={"InputType": "JSONL"},
        may_read={"Data": ["lines/*"]},
        objects={
            "lines/1.jsonl": text('{"n": 1}\n\n[2]\n"a third item, longer than the others"\n{"n": 4}'),
            "lines.jsonl": text("1"),
        },
        read="lines/1.jsonl",
        items=[{"n": 1}, [2], "a third item, longer than the others", {"n": 4}],
        sources=["S3://data-bucket/lines/1.jsonl"] * 4,
        denied="lines.jsonl",
    ),
    "parquet": Source(
        make=lambda data, other: ObjectSource.from_file(
            data, key=key("tables/*"), item_format=ItemFormat.parquet(), max_items=MOST
        ),
        reader={"InputType": "PARQUET"},
        may_read={"Data": ["tables/*"]},
        objects={"tables/stations": lambda: parquet(ROWS + MORE), "secret.parquet": lambda: parquet(ROWS)},
        read="tables/stations",
        items=ROWS + MORE,
        sources=["S3://data-bucket/tables/stations"] * 4,
        denied="secret.parquet",
    ),
    "contents": Source(
        make=lambda data, other: ObjectSource.from_contents(
            data, prefix=key("logs/*"), item_format=ItemFormat.json_lines(), max_items=MOST
        ),
        api=LIST_OBJECTS,
        reader={"InputType": "JSONL", "Transformation": "LOAD_AND_FLATTEN"},
        may_list="logs/*",
        may_read={"Data": ["logs/*"]},
        objects={
            "logs/2.jsonl.gz": lambda: gzip.compress(b'{"level": "INFO"}\n{"n": 4}\n'),
            "logs/1.jsonl": text('{"level": "INFO"}\n{"level": "WARNING"}\n'),
            "audit/1.jsonl": text("1"),
        },
        read="logs/",
        items=[{"level": "INFO"}, {"level": "WARNING"}, {"level": "INFO"}, {"n": 4}],
        sources=["S3://data-bucket/logs/1.jsonl"] * 2 + ["S3://data-bucket/logs/2.jsonl.gz"] * 2,
        denied="audit/",
    ),
    "inventory": Source(
        make=lambda data, other: ObjectSource.from_inventory(
            data, manifest_key=key("inventory/images/daily/*/manifest.json"), max_items=MOST
        ),
        reader={"InputType": "MANIFEST"},
        may_read={"Data": ["inventory/images/daily/*/manifest.json", "inventory/images/daily/data/*"]},
        objects={
            "inventory/images/daily/2024-01-01T01-00Z/manifest.json": lambda: inventory(
                "inventory/images/daily/data/1.csv.gz", "inventory/images/daily/data/2.csv.gz"
            ),
            "inventory/images/daily/data/1.csv.gz": lambda: gzip.compress(
                b'"images","my+cat%2B1.jpg","5"\n"images","2024/b.jpg","6"\n'
            ),
            "inventory/images/daily/data/2.csv.gz": lambda: gzip.compress(
                b'"images","c.jpg","7"\n"images","d.jpg","8"\n'
            ),
            "inventory/images/daily/2024-01-02T01-00Z/manifest.json": lambda: inventory("elsewhere/1.csv.gz"),
            "elsewhere/1.csv.gz": lambda: gzip.compress(b'"images","x","1"\n'),
        },
        read="inventory/images/daily/2024-01-01T01-00Z/manifest.json",
        items=[{"key": name} for name in ("my cat+1.jpg", "2024/b.jpg", "c.jpg", "d.jpg")],
        sources=[f"S3://data-bucket/inventory/images/daily/data/{number}.csv.gz" for number in (1, 1, 2, 2)],
        denied="inventory/images/daily/2024-01-02T01-00Z/manifest.json",
    ),
    "athena csv": Source(
        make=lambda data, other: ObjectSource.from_athena(
            data,
            manifest_key=key("results/*-manifest.csv"),
            data_prefix="unloaded/",
            item_format=ItemFormat.csv(headers=["station", "days"]),
            max_items=MOST,
        ),
        reader={
            "InputType": "CSV",
            "CSVHeaderLocation": "GIVEN",
            "CSVHeaders": ["station", "days"],
            "ManifestType": "ATHENA_DATA",
        },
        may_read={"Data": ["results/*-manifest.csv", "unloaded/*"]},
        objects={
            "results/1-manifest.csv": text("s3://data-bucket/unloaded/1_a.gz\ns3://data-bucket/unloaded/0_b.gz\n"),
            "unloaded/1_a.gz": lambda: gzip.compress(b'"a","1"\n"b","2"\n'),
            "unloaded/0_b.gz": lambda: gzip.compress(b'"c","3"\n"d","4"\n'),
            "results/2-manifest.csv": text("s3://data-bucket/unload.gz\n"),
            "unload.gz": lambda: gzip.compress(b"x,1\n"),
        },
        read="results/1-manifest.csv",
        items=[{"station": name, "days": days} for name, days in zip("abcd", "1234", strict=True)],
        sources=[f"S3://data-bucket/unloaded/{name}.gz" for name in ("1_a", "1_a", "0_b", "0_b")],
        denied="results/2-manifest.csv",
    ),
    "athena parquet": Source(
        make=lambda data, other: ObjectSource.from_athena(
            data,
            manifest_key=key("queries/*-manifest.csv"),
            data_bucket=other,
            data_prefix="tables/",
            item_format=ItemFormat.parquet(),
            max_items=MOST,
        ),
        reader={"InputType": "PARQUET", "ManifestType": "ATHENA_DATA"},
        may_read={"Data": ["queries/*-manifest.csv"], "Other": ["tables/*"]},
        objects={
            "queries/1-manifest.csv": text("s3://other-bucket/tables/1\ns3://other-bucket/tables/2\n"),
            "/tables/1": lambda: parquet(ROWS),
            "/tables/2": lambda: parquet(MORE),
            "queries/2-manifest.csv": text("s3://data-bucket/tables/stations\n"),
        },
        read="queries/1-manifest.csv",
        items=ROWS + MORE,
        sources=[f"S3://other-bucket/tables/{number}" for number in (1, 1, 2, 2)],
        denied="queries/2-manifest.csv",
    ),
}

SELECTOR = {"source": "{% $states.context.Map.Item.Source %}", "index": "{% $states.context.Map.Item.Index %}"}
BATCH_BYTES = 60
BATCH_INPUT = {"most": f"{{% {MOST} %}}", "fixed": [1]}


def stack_of(
    sources: Mapping[str, Callable[[s3.IBucket, s3.IBucket], ObjectSource | StateItems]], **more: Any
) -> Stack:
    """A machine a source, which reads it twice: in batches by count, with a selector, then by bytes, without."""
    synthesizer = DefaultStackSynthesizer(generate_bootstrap_version_rule=False)
    stack = Stack(make_app(), "ItemSources", synthesizer=synthesizer, **more)
    data, other = (
        s3.Bucket(stack, "Data", bucket_name="data-bucket"),
        s3.Bucket(stack, "Other", bucket_name="other-bucket"),
    )
    results = s3.Bucket(stack, "Results", bucket_name="results-bucket")
    for number, (name, make) in enumerate(sources.items()):
        by_count = S3DistributedMap(
            stack,
            f"{name} by count",
            label="ByCount",
            source=make(data, other),
            processor=sfn.Pass.jsonata(stack, f"{name} batch"),
            results_bucket=results,
            max_items_per_batch=2,
            item_selector=SELECTOR,
            batch_input=BATCH_INPUT,
        )
        by_bytes = S3DistributedMap(
            stack,
            f"{name} by bytes",
            label="ByBytes",
            source=make(data, other),
            processor=sfn.Pass.jsonata(stack, f"{name} bytes"),
            results_bucket=results,
            max_input_bytes_per_batch=BATCH_BYTES,
        )
        sfn.StateMachine(
            stack,
            f"Machine{number}",
            state_machine_name=name.replace(" ", "-"),
            definition_body=sfn.DefinitionBody.from_chainable(by_count.next(by_bytes)),
            query_language=sfn.QueryLanguage.JSONATA,
        )
    return stack
