"""The private names that are replaced, and the releases that have them.

MiniStack and moto are pinned, and their private functions are replaced by name. Each replacement goes through
`replace`, which fails when the name isn't there: an upgrade that moves one stops the server at start instead of
changing what it does.
"""

import sys
from importlib import metadata
from typing import Any

from constructs_lib.local.emulator.launch import StartError

PINNED = {"ministack": "1.5.33", "moto": "5.2.5", "jsonata-python": "0.7.1"}


def check_versions(pinned: dict[str, str] = PINNED) -> None:
    """Compare what is installed with what the patches were written for.

    Raises:
        StartError: a distribution is missing or of another version.

    """
    for name, wanted in pinned.items():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            raise StartError(f"{name} {wanted} isn't installed: pip install 'step-functions-at-scale[local]'") from None
        if found != wanted:
            raise StartError(f"{name} {wanted} is needed, {found} is installed: pip install {name}=={wanted}")


def require(owner: Any, *names: str) -> None:
    """Check that a module or class still has the private names that are used as they are.

    Raises:
        StartError: one is missing.

    """
    for name in names:
        if not hasattr(owner, name):
            raise StartError(f"{_name(owner)}.{name} is gone: this release can't run the local cloud")


def replace(owner: Any, name: str, replacement: Any) -> Any:
    """Put `replacement` in the place of a module's or class's attribute; return what stood there.

    Raises:
        StartError: the attribute doesn't exist.

    """
    require(owner, name)
    original = getattr(owner, name)
    setattr(owner, name, replacement)
    return original


def replace_everywhere(package: str, owner: Any, name: str, replacement: Any) -> Any:
    """Like `replace`, also in every loaded module of `package` that imported the attribute by name."""
    original = replace(owner, name, replacement)
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith(package) and getattr(module, name, None) is original:
            setattr(module, name, replacement)
    return original


def _name(owner: Any) -> str:
    return f"{owner.__module__}.{owner.__qualname__}" if isinstance(owner, type) else str(owner.__name__)
