"""botocore's descriptions of AWS's services, each read once."""

import functools
from typing import Any

import botocore.session


@functools.cache
def session() -> Any:
    """A session for nothing but the descriptions: it reads no configuration before it is asked for some."""
    return botocore.session.get_session()


@functools.cache
def service_model(name: str) -> Any:
    """The description of a service by botocore's name for it.

    Raises:
        botocore.exceptions.UnknownServiceError: there is none.

    """
    return session().get_service_model(name)
