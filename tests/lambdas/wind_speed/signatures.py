"""What S3 makes of a signed request without a body, written from AWS's description and without the SDK.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping


def is_valid(request: str, headers: Mapping[str, str], secret: str) -> bool:
    """Whether a request such as "GET /bucket/key?query" was signed with this secret as it was sent."""
    method, target = request.split(" ")
    path, _, query = target.partition("?")
    asked = parse_qsl(query, keep_blank_values=True)
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=[^/]+/(.+), SignedHeaders=(.+), Signature=(.+)", headers["authorization"]
    )
    assert found is not None
    scope, names, signature = found.groups()
    assert names.split(";") == sorted(name for name in headers if name == "host" or name.startswith("x-amz-"))
    canonical = [
        method,
        quote(unquote(path), safe="/~"),
        "&".join(sorted(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in asked)),
        *(f"{name}:{headers[name]}" for name in names.split(";")),
        "",
        names,
        sha256(b"").hexdigest(),
    ]
    text = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, sha256("\n".join(canonical).encode()).hexdigest()]
    key = f"AWS4{secret}".encode()
    for part in [*scope.split("/"), "\n".join(text)]:
        key = hmac.digest(key, part.encode(), sha256)
    return hmac.compare_digest(key.hex(), signature)
