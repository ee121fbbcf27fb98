"""One demo run: synthesize, start the embedded AWS, deploy, put the objects, run the state machine, fetch the files.

Everything temporary (the assembly, the emulator's folder) stands in one folder that is removed at the end, however
the end comes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from constructs_lib.local import ExecutionResult, LocalCloud
from demo.errors import DemoError
from demo.sources import NOAA_BUCKET, Source

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

ROOT = Path(__file__).resolve().parent.parent
STACK = "WindSpeed"
ACCOUNT = "111111111111"
NOAA_ACCOUNT = "222222222222"
REGION = "us-east-1"
PUT_THREADS = 8
RESULT_FILES = ("stations.csv", "stations.geojson", "rejected.csv", "summary.json", "map.html")
