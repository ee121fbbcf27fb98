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


def test_should_parse_null_as_null(cloud: Cloud) -> None:
    output = {
        "null": "{% $parse('null') %}",
        "inside": "{% $parse('{\"a\": [null]}') %}",
        "is null": "{% $parse('{\"a\": null}').a = null %}",
        "is there": "{% $exists($parse('null')) %}",
    }
    ended = cloud.run({"Parse": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": output, "End": True}})

    assert ended.output == {"null": None, "inside": {"a": [None]}, "is null": True, "is there": True}
