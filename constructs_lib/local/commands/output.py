"""What a command prints, wherever that goes: to nobody, to one who reads no further, to where there is no room."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING

from constructs_lib.local.commands.options import complain

if TYPE_CHECKING:
    from collections.abc import Callable

_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


def with_output(command: Callable[[], int]) -> int:
    """Run a command that prints, and return its exit code.

    Closed standard streams (`>&-`) swallow what is printed. A reader that has enough (`… | head`) ends the command
    without an error. Where nothing can be written, as on a full disk, the code is never 0, and a line says so.
    """
    _fill_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):  # not every terminal has every character that is printed
        sys.stdout.reconfigure(errors="backslashreplace")
    code = 0
    try:
        try:
            code = command()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _swallow_the_rest()
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITABLE:
            raise
        _swallow_the_rest()
        return complain(f"Writing failed: {error.strerror}. Fix: make room, or send the output elsewhere.", code=1)
    return code


def _fill_closed_streams() -> None:
    """Open what is closed of the first three descriptors: the next file or socket would get its number."""
    if None not in {sys.stdin, sys.stdout, sys.stderr}:
        return
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))


def _swallow_the_rest() -> None:
    """Let what is still buffered, and flushed at the end, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
