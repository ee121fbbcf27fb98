"""`python -m constructs_lib.forecast`: see `--help`."""

import sys

from constructs_lib.forecast.command_line import main

if __name__ == "__main__":
    sys.exit(main())
