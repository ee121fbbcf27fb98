"""``python -m demo``: the app, synthesized, deployed and run on the embedded AWS.

Exit codes: 0 the run succeeded; 1 it failed (its error and cause are printed, the files fetched all the same);
2 an argument is wrong; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import signal
import sys

from constructs_lib import local
from demo.errors import DemoError, UsageError


def main(argv: list[str] | None = None) -> int:
    """Run the demo that the arguments name; returns the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a terminated demo cleans up as an interrupted one does
    try:
        from demo.wind_speed import command as wind_speed

        return wind_speed.run(arguments)
    except (UsageError, local.UsageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (DemoError, local.LocalCloudError) as error:
        print("\n".join([f"error: {error}", *error.details]), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
