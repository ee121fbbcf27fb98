"""The removal of a session's folder: by the client that made it, or by the server when that client is gone."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

DEPLOY_PID_FILE = "deploy.pid"
"""The name, in a session's folder, of the file with the process id of the CDK CLI that runs."""


def remove_folder(folder: Path) -> None:
    """Remove a session's folder, also while a killed process still writes its last file into it."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
