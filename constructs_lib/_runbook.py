"""The runbook that alarms and messages name: words, or an address, of the user's own."""

import re

from constructs import Construct

from constructs_lib._checks import is_token, usage_error

# An alarm's description has 1,024 characters at most, and EventBridge takes what stands in <> for a variable.
_RUNBOOK = r"[^\s<>]([^\r\n<>]{0,254}[^\s<>])?"


def check_runbook(construct: Construct, runbook: object) -> None:
    """Raise ValueError unless `runbook` is a short line, a token, or None."""
    if runbook is None or is_token(runbook):
        return
    if not isinstance(runbook, str) or not re.fullmatch(_RUNBOOK, runbook):
        raise usage_error(
            construct,
            "runbook",
            runbook,
            allowed="one line of 1 to 256 characters, without < and >",
            fix="Use the address of your runbook, or a few words on where it is.",
        )
