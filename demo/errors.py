"""The demo's two kinds of error; each message is one line that names the fix."""


class UsageError(Exception):
    """An argument is wrong: what was given, what is allowed (exit code 2)."""


class DemoError(Exception):
    """The demo could not go on: what failed, and where to look (exit code 1)."""
