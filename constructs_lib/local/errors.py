"""The errors of the embedded AWS. Each message is one line: what was given, what is allowed, the fix."""

from __future__ import annotations


class LocalCloudError(RuntimeError):
    """The embedded AWS or a deployment to it failed. `details` are further lines worth showing, a tool's own."""

    def __init__(self, message: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.details = details


class UsageError(LocalCloudError, ValueError):
    """What the caller asked for isn't possible; the command line exits with code 2."""
