"""argparse with the house's errors, and the option that every demo has."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Print the error and leave."""
        self.exit(2, f"error: {message}\n")

    def add_cdk(self) -> None:
        """Add --cdk."""
        self.add_argument(
            "--cdk", type=Path, metavar="FILE", help="the CDK CLI (default: this checkout's, then PATH's)"
        )


def whole_number(text: str) -> int:
    """Return an argument that is a number; for `type=`."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} isn't a whole number; give one such as 100") from None
