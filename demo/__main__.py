"""``python -m demo``: the app, synthesized, deployed and run on the embedded AWS.

Without a name it is the wind-speed app; ``python -m demo reviews`` is the review workflow.

Exit codes: 0 the run succeeded, or the incident went as it should; 1 it failed (its error and cause are printed, the
files fetched all the same); 2 an argument is wrong; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import signal
import sys

from botocore.exceptions import BotoCoreError, ClientError

from constructs_lib import local
from constructs_lib.local.commands.output import with_output
from demo.errors import DemoError, UsageError


def main(argv: list[str] | None = None) -> int:
    """Run the demo that the arguments name; returns the exit code."""
    return with_output(lambda: _run(sys.argv[1:] if argv is None else argv))


def _run(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a terminated demo cleans up as an interrupted one does
    try:
        if arguments[:1] == ["reviews"]:
            from demo.reviews import command as reviews

            return reviews.run(arguments[1:])
        if arguments and not arguments[0].startswith("-"):
            raise UsageError(f"{arguments[0]}: no such demo. Allowed: reviews, or no name for wind speeds; or --help")
        from demo.wind_speed import command as wind_speed

        return wind_speed.run(arguments)
    except (UsageError, local.UsageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (DemoError, local.LocalCloudError) as error:
        print("\n".join([f"error: {error}", *error.details]), file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
