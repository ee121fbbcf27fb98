"""Calls the local cloud's own API, which is beside AWS's: JSON under `/_local/`."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from constructs_lib.local.errors import LocalCloudError

if TYPE_CHECKING:
    from constructs_lib.local.endpoint import Endpoint

_SECONDS = 30.0


def call(endpoint: Endpoint, method: str, path: str, body: Any = None) -> Any:
    """Return what `endpoint` answers to `method` and `path` (`/_local/faults`); `body` is sent as JSON.

    Raises `LocalCloudError`, in the server's own words, when it refuses, and when nobody or something else answers.
    """
    context = ssl.create_default_context(cafile=endpoint.certificate)
    # No proxy, whatever the environment says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(endpoint.url + path, data=data, method=method)  # noqa: S310 - Endpoint checked it
    try:
        with opener.open(request, timeout=_SECONDS) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise LocalCloudError(_message(error.read()) or f"{method} {path} was answered with {error.code}.") from None
    except (OSError, ValueError) as error:
        raise LocalCloudError(f"{endpoint.url} doesn't answer {method} {path}: {error}.") from None


def _message(body: bytes) -> str | None:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return None
