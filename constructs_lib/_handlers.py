"""Where the Lambda handlers' code is, in a wheel and in a checkout, and what of it goes into the asset."""

from pathlib import Path

from aws_cdk import IgnoreMode
from aws_cdk import aws_lambda as lambda_

_PACKAGE = Path(__file__).resolve().parent


def handlers_folder(package: Path = _PACKAGE) -> Path:
    """Return the folder that holds `wind_speed/`: the wheel's own `_lambdas` first, then the checkout's `lambdas`.

    Raises:
        FileNotFoundError: when neither is there.

    """
    candidates = (package / "_lambdas", package.parent / "lambdas")
    for folder in candidates:
        if (folder / "wind_speed").is_dir():
            return folder
    looked = " and ".join(str(folder) for folder in candidates)
    raise FileNotFoundError(
        f"No handlers' code: looked in {looked}. Install the package again, or use a whole checkout."
    )


def handlers_code() -> lambda_.Code:
    """Return the asset with the package `wind_speed` at its root: handlers are named `wind_speed.<module>.handler`."""
    return lambda_.Code.from_asset(
        str(handlers_folder()),
        # Bytecode would change the asset's hash from machine to machine; other packages beside it are not needed.
        exclude=["*", "!wind_speed", "!wind_speed/**", "**/__pycache__", "**/*.pyc"],
        ignore_mode=IgnoreMode.GIT,
    )
