"""The file by which `start` and `down` find what `up` left running."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from constructs_lib.local import DeployedStack, LocalCloudError, UsageError, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is about to let go of the lock here."""
    monkeypatch.setattr(record, "_PATIENCE", 0.1)


@pytest.fixture(autouse=True)
def _state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "session"
    folder.joinpath("tmp").mkdir(parents=True)
    return folder


@pytest.fixture
def session(folder: Path) -> Iterator[record.Session]:
    """A session whose server is a process that only holds the lock; `up` is gone."""
    with record.claim() as claim:
        server = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(60)"],
            pass_fds=[claim.descriptor],
            start_new_session=True,
        )
        stack = DeployedStack("App", "111111111111", "us-east-1", {"Arn": "arn:x"}, {"Machine": "arn:x"})
        session = record.Session("https://127.0.0.1:4566", "/session/server.crt", str(folder), server.pid, (stack,))
        folder.joinpath("server.pid").write_text(str(server.pid))
        claim.write(session)
    yield session
    server.kill()
    server.wait()


def test_finds_what_up_left_running(session: record.Session) -> None:
    assert record.running_session() == session
    assert record.running_session().endpoint.url == "https://127.0.0.1:4566"


def test_refuses_a_second_one_and_says_how_to_stop_the_first(session: record.Session) -> None:
    with (
        pytest.raises(UsageError, match=rf"is running at https://127.0.0.1:4566 \(process {session.pid}\).* down`"),
        record.claim(),
    ):
        pytest.fail("there are two")
    assert record.running_session() == session


def test_stops_it_and_leaves_nothing(session: record.Session, folder: Path) -> None:
    assert record.stop_session() == session
    os.waitpid(session.pid, 0)
    assert not folder.exists()
    assert not record.state_file().exists()
    with pytest.raises(UsageError, match="No local cloud is running"):
        record.stop_session()


@pytest.fixture
def dead(session: record.Session) -> record.Session:
    """The session, whose server was killed."""
    os.kill(session.pid, signal.SIGKILL)
    os.waitpid(session.pid, 0)
    return session


def test_a_dead_one_is_not_running_and_is_cleared_away(dead: record.Session, folder: Path) -> None:
    for ask in (record.running_session, record.stop_session):
        with pytest.raises(
            UsageError, match=rf"The embedded AWS ended \(process {dead.pid}\)\. Fix: .* down, then .* up"
        ):
            ask()
    assert folder.exists()
    with record.claim():
        assert not folder.exists()
        # It isn't taken for the one that is starting.
        with pytest.raises(UsageError, match="No local cloud is running"):
            record.running_session()


def test_clears_a_dead_one_away_without_a_new_one(dead: record.Session, folder: Path) -> None:
    assert record.clear_dead_session() == dead
    assert not folder.exists()
    assert not record.state_file().exists()
    assert record.clear_dead_session() is None


def test_takes_no_running_one_for_dead(session: record.Session, folder: Path) -> None:
    assert record.clear_dead_session() is None
    assert folder.exists()
    assert record.running_session() == session


def test_clears_a_dead_one_away_whose_folder_is_gone_already(dead: record.Session, folder: Path) -> None:
    shutil.rmtree(folder)
    assert record.clear_dead_session() == dead
    assert not record.state_file().exists()


@pytest.mark.parametrize("mark", [None, b"1", b"\xff"])
def test_leaves_a_folder_that_is_not_the_dead_ones_own(dead: record.Session, folder: Path, mark: bytes | None) -> None:
    folder.joinpath("server.pid").unlink()
    if mark is not None:
        folder.joinpath("server.pid").write_bytes(mark)
    with pytest.raises(LocalCloudError, match=f"The folder {str(folder)!r} stays: it isn't .* process {dead.pid}, "):
        record.clear_dead_session()
    assert folder.joinpath("tmp").exists()
    assert not record.state_file().exists()


def test_a_new_one_leaves_a_folder_that_is_not_the_dead_ones_own(dead: record.Session, folder: Path) -> None:
    folder.joinpath("server.pid").write_text(str(dead.pid + 1))
    with record.claim():
        assert folder.exists()


def test_stops_one_whose_folder_is_another_and_leaves_that(session: record.Session, folder: Path) -> None:
    folder.joinpath("server.pid").unlink()
    with pytest.raises(LocalCloudError, match="stays"):
        record.stop_session()
    os.waitpid(session.pid, 0)
    assert folder.exists()
    assert not record.state_file().exists()


def test_says_that_one_is_starting_before_its_server_exists() -> None:
    with (
        record.claim(),
        pytest.raises(UsageError, match="A local cloud is starting"),
        record.claim(),
    ):
        pytest.fail("there are two")


def test_leaves_no_file_when_starting_fails() -> None:
    def start() -> None:
        with record.claim():
            assert record.state_file().exists()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        start()
    assert not record.state_file().exists()


def test_survives_a_file_that_a_killed_up_wrote_half() -> None:
    record.state_file().parent.mkdir(parents=True)
    record.state_file().write_text('{"url": "https://127.0.')
    with pytest.raises(UsageError, match="No local cloud is running"):
        record.running_session()
    with record.claim():
        pass


def test_says_in_one_line_that_the_state_folder_is_unusable(tmp_path: Path) -> None:
    tmp_path.joinpath("state").write_text("a file where the folder should be")
    with pytest.raises(LocalCloudError, match="XDG_STATE_HOME"), record.claim():
        pytest.fail("claimed")
