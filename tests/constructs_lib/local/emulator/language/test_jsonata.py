"""JSONata: where jsonata-python does otherwise than the reference."""

import pytest

from tests.constructs_lib.local.emulator.conftest import Cloud

pytestmark = pytest.mark.local


def test_should_write_letters_as_they_are(cloud: Cloud) -> None:
    ended = cloud.run(
        {"Write": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $string($states.input) %}", "End": True}},
        {"text": '日本語 "é"'},
    )

    assert ended.output == '{"text":"日本語 \\"é\\""}'
