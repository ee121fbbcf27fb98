"""The demo's two kinds of error; each message is one line that names the fix."""


class UsageError(Exception):
    """An argument is wrong: what was given, what is allowed (exit code 2)."""


class DemoError(Exception):
    """The demo could not go on: what failed; ``details`` are a tool's own lines about it (exit code 1)."""

    def __init__(self, message: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.details = details
