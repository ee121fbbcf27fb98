"""The roles and users that a role's trust policy names: they must be there, and one that is made anew is another.

AWS keeps the unique id of whom a trust policy names by ARN, and shows the ARN while that one is there
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html). MiniStack keeps the ARN.
Here it becomes the id when the role is deleted, which comes to the same; a user's doesn't.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from ministack.services import iam
from ministack.services.cloudformation import provisioners

from constructs_lib.local.emulator.patches import replace, require


def _named(document: dict[str, Any]) -> Iterator[str]:
    """Whom a trust policy names, of AWS's own."""
    for principal in _principals(document):
        yield from _listed(principal["AWS"])


def _principals(document: dict[str, Any]) -> list[dict[str, Any]]:
    statements = document.get("Statement", [])
    principals = [one.get("Principal") for one in ([statements] if isinstance(statements, dict) else statements)]
    return [principal for principal in principals if isinstance(principal, dict) and "AWS" in principal]


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _is_missing(arn: str) -> bool:
    """Whether an ARN is that of a role or a user, and there is none."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] != "iam":
        return False
    records = {"role": iam._roles, "user": iam._users}.get(parts[5].partition("/")[0])
    if records is None:
        return False
    return (records.get_scoped(parts[4], None, arn.rpartition("/")[2]) or {}).get("Arn") != arn


def _trust_policy_error(document: Any) -> str | None:
    """In the place of MiniStack's `_trust_policy_not_principal_error`: what IAM says of a trust policy; None: nothing.

    It is asked wherever one is saved, by the API and by CloudFormation.
    """
    message: str | None = _original_error(document)
    if message is not None:
        return message
    try:
        parsed = json.loads(document) if isinstance(document, str) else document
    except ValueError:  # refused elsewhere, or not at all
        return None
    missing = next(filter(_is_missing, _named(parsed)), None) if isinstance(parsed, dict) else None
    return None if missing is None else f'Invalid principal in policy: "AWS":"{missing}"'


def _forget(deleted: dict[str, Any]) -> None:
    """Leave of a deleted role its id, in each trust policy of any account."""
    for role in iam._roles.to_dict().values():
        document = role["AssumeRolePolicyDocument"]
        parsed = json.loads(document) if isinstance(document, str) else document
        if deleted["Arn"] not in _named(parsed):
            continue
        for principal in _principals(parsed):
            left = [deleted["RoleId"] if arn == deleted["Arn"] else arn for arn in _listed(principal["AWS"])]
            principal["AWS"] = left if isinstance(principal["AWS"], list) else left[0]
        role["AssumeRolePolicyDocument"] = json.dumps(parsed) if isinstance(document, str) else parsed


def _forgetting(original: Callable[..., Any], name_of: Callable[[Any], str]) -> Callable[..., Any]:
    """`original` deletes the role that `name_of` finds in its first argument."""

    def delete(first: Any, *more: Any) -> Any:
        name = name_of(first)
        role = iam._roles.get(name)
        answer = original(first, *more)
        if role is not None and iam._roles.get(name) is None:
            _forget(role)
        return answer

    return delete


_original_error: Callable[[Any], str | None] = iam._trust_policy_not_principal_error


def install() -> None:
    """Have trust policies name those that are there."""
    require(iam, "_roles", "_users", "_p", "_delete_role", "_IAM_HANDLERS")
    replace(iam, "_trust_policy_not_principal_error", _trust_policy_error)
    iam._IAM_HANDLERS["DeleteRole"] = _forgetting(iam._delete_role, lambda params: str(iam._p(params, "RoleName")))
    delete = _forgetting(provisioners._iam_role_delete, str)
    replace(provisioners, "_iam_role_delete", delete)
    provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]["delete"] = delete
