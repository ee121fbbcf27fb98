"""The embedded AWS, as a process: `python -m constructs_lib.local.server`.

MiniStack's services and APIs with IAM enforced, over TLS, on 127.0.0.1 only; state machines run by moto's interpreter.
It is meant to be started by `LocalCloud`, with an environment of its own:

- `LOCAL_AWS_FOLDER`: an existing folder, which the caller removes; everything temporary is in it.
- `LOCAL_AWS_PORT`: the port (4566).
- `LOCAL_AWS_SOCKET`: the file descriptor of a socket that listens on that port. Omitted: the server makes one.
- `LOCAL_AWS_MAP_CONCURRENCY`: children of a Map Run that run at the same time (twice the processors).
- `LOCAL_AWS_SYNC_POLL_MILLISECONDS`: how often a `.sync` task looks (100).
- `LOCAL_AWS_BEDROCK_REPLIES`: a file of canned replies of Bedrock's models, see `bedrock_replies`. Omitted: each answer
  says that it is made up.
- `LOCAL_AWS_LIFELINE`: `stdin`: when standard input ends before anything was written to it, whoever held its other end
  is gone; the server then ends, too, and removes its folder. Omitted: nothing reads standard input.
- `LOCAL_AWS_LOG_LEVEL`: WARNING; INFO shows each request.

Ready when `https://127.0.0.1:<port>/_ministack/health` answers; what AWS has no API for is under `/_local/`
(emulator/control.py). The certificate to trust is `<folder>/tmp/ministack-tls/server.crt`. The log is on standard
error. SIGTERM or SIGINT ends it and its Lambda workers; the exit status is then 0. When it can't start, the status is 3
and standard error ends in one line, `error: …`.

An access key of twelve digits is the root of the account of that number; any secret goes with it.
"""

import asyncio
import logging
import os
import resource
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

from constructs_lib.local.emulator.launch import (
    ADDRESS,
    Settings,
    StartError,
    prepare,
    read_settings,
    refuse_foreign_connections,
)
from constructs_lib.local.emulator.patches import check_versions
from constructs_lib.local.folders import DEPLOY_PID_FILE, remove_folder
from constructs_lib.local.tools import end_tool

CANNOT_START = 3


def main() -> NoReturn:
    """Run the server until it is told to stop."""
    try:
        settings = read_settings(os.environ)
        loaded = threading.Event()
        if settings.has_lifeline:
            # From the very start: loading what follows takes a second or two.
            threading.Thread(target=_watch_lifeline, args=(settings.folder, loaded), daemon=True).start()
        check_versions()
        prepare(settings)
        refuse_foreign_connections()
        _install(settings)
        loaded.set()
    except StartError as error:
        _refuse(str(error))
    except ImportError as error:
        _refuse(f"{error}: pip install 'step-functions-at-scale[local]'")
    asyncio.run(_serve(settings))
    raise AssertionError("the server ends its process by itself")


def _refuse(message: str) -> NoReturn:
    sys.stderr.write(f"error: {message}\n")
    sys.exit(CANNOT_START)


def _install(settings: Settings) -> None:
    """Load MiniStack and moto, and put our parts in their places.

    Raises:
        StartError: a private name isn't where it was.

    """
    # Loaded here and not above: both read the environment that `prepare` has made.
    from constructs_lib.local.emulator import execution_log, interpreter, machines, status_events
    from constructs_lib.local.emulator.definitions import definition
    from constructs_lib.local.emulator.language import (
        choices,
        intrinsics,
        iterations,
        json_path,
        jsonata,
        limits,
        positions,
        state_failures,
        variables,
    )
    from constructs_lib.local.emulator.map_runs import item_formats, map_run
    from constructs_lib.local.emulator.services import (
        api,
        authorization,
        cloudformation,
        custom_resources,
        lambda_worker,
        machine_names,
        object_store,
        trust_principals,
    )
    from constructs_lib.local.emulator.tasks import (
        bedrock,
        faults,
        role_sessions,
        service_answers,
        service_calls,
        task_tokens,
    )

    clients = role_sessions.ClientFactory(settings.endpoint)
    authorization.install()
    trust_principals.install()
    definition.install()
    intrinsics.install()
    jsonata.install()
    json_path.install()
    role_sessions.install()
    service_calls.install()
    service_answers.install()
    state_failures.install()
    choices.install()
    variables.install()
    positions.install()
    bedrock.install(settings.bedrock_replies)
    interpreter.install(clients, settings.sync_poll_seconds)
    task_tokens.install()
    faults.install()
    limits.install()
    iterations.install()
    machines.install()
    execution_log.install()
    status_events.install()
    api.install()
    map_run.install(settings.map_concurrency)
    item_formats.install()
    lambda_worker.install(settings)
    cloudformation.install()
    machine_names.install()
    custom_resources.install(clients)
    object_store.install()


def _watch_lifeline(folder: Path, loaded: threading.Event) -> None:
    """End, and remove the folder, when whoever started the server is gone."""
    if os.read(0, 1):
        return
    if loaded.is_set():  # there may be workers
        from constructs_lib.local.emulator.services import lambda_worker

        lambda_worker.stop_all()
    # The CDK CLI would try for long to reach a server that is gone.
    end_tool(folder / DEPLOY_PID_FILE)
    remove_folder(folder)
    os._exit(0)


async def _serve(settings: Settings) -> NoReturn:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack import app

    from constructs_lib.local.emulator import control
    from constructs_lib.local.emulator.services import lambda_worker, s3_faults
    from constructs_lib.local.emulator.tasks import faults

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        # Each connection is a file, and a wide map has many.
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    config = Config()
    # MiniStack's own start would also take port 443 when it is free.
    config.bind = [f"{ADDRESS}:{settings.port}" if settings.listener is None else f"fd://{settings.listener}"]
    config.certfile, config.keyfile = str(settings.certificate), str(settings.key)
    config.keep_alive_timeout = 75
    config.loglevel = app.LOG_LEVEL
    logging.getLogger("hypercorn.access").setLevel(logging.WARNING)

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    answer = control.in_front_of(s3_faults.in_front_of(app.app), {**faults.routes(), **s3_faults.routes()})
    # Hypercorn's own way to stop waits for clients to close their connections, which a client that waits for us won't.
    serving = asyncio.create_task(serve(answer, config, shutdown_trigger=asyncio.Event().wait))
    await asyncio.wait({serving, asyncio.create_task(stopped.wait())}, return_when=asyncio.FIRST_COMPLETED)
    failure = serving.exception() if serving.done() else None
    if failure is not None:
        sys.stderr.write(f"error: the server ended: {failure}\n")
    lambda_worker.stop_all()
    # Not by returning: asyncio would wait for threads that wait for tasks, and what those could finish is gone.
    logging.shutdown()
    os._exit(0 if failure is None else 1)


if __name__ == "__main__":
    main()
