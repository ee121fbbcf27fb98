"""A session's folder: how to tell it from any other, and its removal, by client or server."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SERVER_PID_FILE = "server.pid"
"""The name, in a session's folder, of the file with its server's process id: what tells it from any other folder."""
DEPLOY_PID_FILE = "deploy.pid"
"""The name, in a session's folder, of the file with the process id of the CDK CLI that runs."""


def is_session_folder(folder: Path, server: int) -> bool:
    """Whether the folder was made for the session whose server has, or had, the process id `server`."""
    try:
        return folder.joinpath(SERVER_PID_FILE).read_text() == str(server)
    except (OSError, UnicodeDecodeError):
        return False


def remove_folder(folder: Path) -> None:
    """Remove a session's folder, also while a killed process still writes its last file into it."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
