"""The command line: `python -m constructs_lib.local up | start | redrive | history | graph | logs | down`.

Exit codes: 0 done, 1 the run or the deployment failed, 2 wrong usage (one line: what was given, what is allowed, the
fix), 130 Ctrl-C.
"""

from __future__ import annotations

import signal
import sys
import textwrap
from typing import TYPE_CHECKING, NoReturn

from constructs_lib.local import require_extra
from constructs_lib.local.commands import graph, history, logs, redrive, start, up_down
from constructs_lib.local.commands.options import PROGRAM, Parser, complain
from constructs_lib.local.commands.output import with_output
from constructs_lib.local.commands.targets import no_answer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

_LONGEST_ANSWER = 500


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    return with_output(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    try:
        require_extra()
    except ImportError as error:
        return complain(str(error), code=2)
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, SSLError
    from botocore.exceptions import ConnectionError as NoConnectionError

    from constructs_lib.local.errors import LocalCloudError, UsageError

    try:
        return int(options.command(options))
    except UsageError as error:
        return complain(str(error), code=2)
    except LocalCloudError as error:
        return complain(str(error), *error.details, code=1)
    except SSLError as error:
        return complain(f"{error}. Fix: give the certificate to trust there with --certificate.", code=1)
    except (NoConnectionError, HTTPClientError) as error:
        return complain(no_answer(options, error), code=1)
    except (BotoCoreError, ClientError) as error:
        # What isn't AWS's API answers with pages of HTML, say.
        return complain(textwrap.shorten(str(error), _LONGEST_ANSWER), code=1)
    except KeyboardInterrupt:
        return complain(options.interrupted, code=130)


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description="An embedded AWS on this machine: deploys any CDK app's cloud assembly with the real CDK CLI and "
        "runs its state machines. It needs no AWS account and can't reach one.",
        epilog=f"A first run:  cdk synth && {PROGRAM} up --app cdk.out && {PROGRAM} start && {PROGRAM} down",
    )
    commands = parser.add_subparsers(
        required=True, metavar="up|start|redrive|history|graph|logs|down", parser_class=Parser
    )
    up_down.add_up(commands)
    start.add_parser(commands)
    redrive.add_parser(commands)
    history.add_parser(commands)
    graph.add_parser(commands)
    logs.add_parser(commands)
    up_down.add_down(commands)
    return parser


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)  # `kill` cleans up as Ctrl-C does
    sys.exit(main())
