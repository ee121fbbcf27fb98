"""The review workflow on the embedded AWS: the parent's stack in one account, the child's in another."""

from __future__ import annotations

import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.text import Text

from constructs_lib.local import LocalCloud
from demo.console import step
from demo.synthesis import ROOT, find_cli, synthesize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

SOURCE_ACCOUNT = "111111111111"
TARGET_ACCOUNT = "222222222222"
SOURCE_STACK = f"ReviewsSource-{SOURCE_ACCOUNT}"
TARGET_STACK = "ReviewsTarget"


@dataclass(frozen=True, kw_only=True)
class ReviewsApp:
    """The deployed app: ``parent`` and ``child`` are the state machines' ARNs."""

    cloud: LocalCloud
    parent: str
    child: str
    target_role_name: str
    table_name: str

    def client_in_source(self, service: str) -> Any:
        """A boto3 client in the parent's account."""
        return self.cloud.client(service, account=SOURCE_ACCOUNT)

    def client_in_target(self, service: str) -> Any:
        """A boto3 client in the child's account."""
        return self.cloud.client(service, account=TARGET_ACCOUNT)


@contextmanager
def deployed(console: Console, *, replies: Path, cdk: Path | None, sync_poll_seconds: float) -> Iterator[ReviewsApp]:
    """Synthesize the app, deploy the parent's stack and then the child's, and print the trust between them.

    ``replies`` is the file of what the model answers, ``sync_poll_seconds`` how often the parent looks at its child.
    Raises ``DemoError`` when the app doesn't synthesize, ``LocalCloudError`` when the embedded AWS doesn't start or a
    deployment fails, and its ``UsageError`` for a CDK CLI that isn't one.
    """
    cli = find_cli(cdk)
    console.print(f"Product reviews of account {SOURCE_ACCOUNT}, judged in account {TARGET_ACCOUNT}", soft_wrap=True)
    for note in (
        f"no model is asked; its answers are made up, in {_shown(replies)}",
        f"the parent looks at its child every {sync_poll_seconds:g} s here; on AWS, every minute at first",
    ):
        console.print(f"  [yellow]note[/]: {escape(note)}", soft_wrap=True)
    said: list[str] = []
    context = {"accounts": json.dumps({"source": SOURCE_ACCOUNT, "target": TARGET_ACCOUNT})}
    with tempfile.TemporaryDirectory(prefix="reviews-demo-") as name, ThreadPoolExecutor(1) as background:
        folder = Path(name)
        # Both take some seconds, and neither needs the other.
        synthesis = background.submit(synthesize, folder, cli, context, said.append)
        with LocalCloud.start(
            folder=folder / "cloud", bedrock_replies=replies, sync_poll_seconds=sync_poll_seconds
        ) as cloud:
            with step(console, "Synthesize the app, start the embedded AWS"):
                assembly = synthesis.result()
            with step(console, f"Deploy the parent to account {SOURCE_ACCOUNT}; its child isn't there yet"):
                source = cloud.deploy(assembly, stacks=[SOURCE_STACK], cdk=cli)[SOURCE_STACK]
            with step(console, f"Deploy the child to account {TARGET_ACCOUNT}"):
                target = cloud.deploy(assembly, stacks=[TARGET_STACK], cdk=cli)[TARGET_STACK]
            _print_trust(console, said)
            yield ReviewsApp(
                cloud=cloud,
                parent=source["StateMachineArn"],
                child=target["StateMachineArn"],
                target_role_name=target["TargetRoleArn"].rpartition("/")[2],
                table_name=target["FakeReviewsTableName"],
            )


def _shown(file: Path) -> str:
    """A file of this checkout by its path in there; another as it was given."""
    return str(file.relative_to(ROOT) if file.is_relative_to(ROOT) else file)


def _print_trust(console: Console, said: list[str]) -> None:
    """Print what the app says of its trust when it is synthesized."""
    console.print()
    for line in said:
        if line.startswith(f"{TARGET_STACK}: "):
            console.print(Text(line.partition(": ")[2]))
    console.print()
