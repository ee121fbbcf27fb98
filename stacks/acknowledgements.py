"""Acknowledges cdk-nag's findings, on every aws-cdk-lib that the library promises."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(scope: IConstruct, *findings: Acknowledgment) -> None:
    """Acknowledge `findings`, each by its exact id, of `scope` and of everything below it.

    It writes what `Validations.acknowledge` writes and cdk-nag reads. That itself refuses, before aws-cdk-lib 2.270, an
    id that holds "::", as that of a resource does: https://github.com/cdklabs/cdk-nag/issues/2351.
    """
    for finding in findings:
        scope.node.add_metadata(Validations.ACKNOWLEDGED_RULES_METADATA_KEY, {finding.id: finding.reason})
