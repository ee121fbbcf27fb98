"""Which test runs, or compares, which fenced block: by page and heading, a test a block, in the order of the page."""

from __future__ import annotations

COMMANDS = "tests/test_docs_commands.py::test_should_show_commands_that_are_understood"
OUTPUT = "tests/test_docs_output.py::test_should_show_what"
README = "tests/test_readme.py::test_should"
STRANGER = "tests/test_stranger.py::test_should"
MAP_GUIDE = f"{STRANGER}_run_a_map_of_thirty_lines"
CI_GUIDE = f"{STRANGER}_test_an_app_in_its_own_repository"
ALARMS = "tests/test_alarm_docs.py::test_should"
CROSS_ACCOUNT = "tests/test_cross_account_docs.py::test_should"
LOAD_TEST = "tests/stacks/test_load_test.py::test_should_be_documented_as_it_is"
POLICIES = "tests/constructs_lib/testing/test_policy_simulation.py::test_should_do_as_documented"
SOURCE = "tests/test_item_sources_docs.py::test_should_show_what_each_source_may_read"
TESTING = "tests/constructs_lib/testing/test_project.py::test_should_do_as_documented"
FAILED_RUN = "tests/end_to_end/test_faults.py::test_should_be_mended_by_the_runbooks_commands"
STILL_RUNS = "tests/constructs_lib/local/test_runbook.py::test_should"
WAITS = f"{STILL_RUNS}_let_a_waiting_parent_look_again"
LEFT_BEHIND = f"{STILL_RUNS}_stop_a_child_that_was_left_behind"
TIMED_OUT = f"{STILL_RUNS}_redrive_a_parent_that_ended_before_it_saw_the_result"
AWS_ONLY = f"{STILL_RUNS}_show_commands_that_aws_knows"

CLAIMS: dict[str, dict[str, tuple[str, ...]]] = {
    "README.md": {
        "Try it": (COMMANDS, f"{OUTPUT}_the_demo_prints", COMMANDS),
        "What it does": (f"{README}_draw_the_state_machine_as_it_is", f"{README}_show_an_input_that_is_taken"),
        "A child workflow in another account": (COMMANDS, f"{OUTPUT}_the_demo_of_reviews_prints"),
        "What delays it, and who": (COMMANDS,),
        "Before it is deployed": (COMMANDS,),
        "Deploy it": (COMMANDS, COMMANDS),
        "Taking it away": (COMMANDS, f"{README}_empty_and_delete_the_bucket_that_is_kept"),
        "Use the constructs in your own app": (COMMANDS, f"{README}_show_a_library_block_that_synthesizes"),
        "Run any CDK app on the embedded AWS": (COMMANDS,),
        "Test your app with it": (
            f"{README}_show_a_test_of_the_documents_that_runs",
            f"{README}_show_a_local_cloud_block_that_runs",
        ),
    },
    "docs/alarm-scenarios.md": {
        "Testing when alarms go off": (
            COMMANDS,
            f"{ALARMS}_list_the_alarms_as_documented",
            f"{ALARMS}_list_the_alarms_as_documented",
            f"{ALARMS}_list_the_alarms_as_documented",
            f"{ALARMS}_pass_as_documented",
            f"{ALARMS}_pass_as_documented",
            f"{ALARMS}_pass_as_documented",
            f"{ALARMS}_draw_the_failure_that_is_documented",
        ),
        "In pytest": (f"{ALARMS}_pass_the_documented_tests",),
    },
    "docs/cross-account.md": {
        "The contract": (f"{CROSS_ACCOUNT}_show_the_target_role_as_it_is",) * 2,
        "The review workflow": (f"{CROSS_ACCOUNT}_draw_the_two_state_machines_as_they_are", COMMANDS),
    },
    "docs/forecast.md": {"Forecast: what a run takes and costs": (f"{OUTPUT}_a_forecast_prints",) * 2},
    "docs/guide-ci.md": {
        "Your app in your CI": (CI_GUIDE,) * 2,
        "Set it up": (*(CI_GUIDE,) * 4, COMMANDS),
        "Say when alarms go off": (CI_GUIDE,),
        "Test it": (CI_GUIDE,) * 3,
        "On GitHub": (CI_GUIDE,),
    },
    "docs/guide-distributed-map.md": {
        "Your own Distributed Map in 30 lines": (COMMANDS, MAP_GUIDE),
        "Run it": (MAP_GUIDE,) * 6,
    },
    "docs/item-sources.md": {
        "Objects below a prefix": (SOURCE,),
        "An index of objects": (SOURCE,),
        "An S3 Inventory": (SOURCE,),
        "Rows of CSV": (SOURCE,),
        "JSON": (SOURCE,),
        "JSON Lines": (SOURCE,),
        "Parquet": (SOURCE,),
        "What objects below a prefix hold": (SOURCE,),
        "A query of Athena": (SOURCE,),
        "The state's input": (SOURCE,),
        "Select, limit, batch": ("tests/test_item_sources_docs.py::test_should_select_limit_and_batch",),
    },
    "docs/load-test.md": {
        "Run it": (COMMANDS, LOAD_TEST),
        "Build your own": (LOAD_TEST,),
        "Which load raises which alarm, at which minute": (
            "tests/constructs_lib/forecast/test_load_alarms.py::test_should_be_saved_as_documented",
        ),
    },
    "docs/local-cloud.md": {
        "The local cloud": (COMMANDS,),
        "Bedrock": (f"{README}_show_bedrock_replies_that_can_be_read",),
        "Redrive": (f"{OUTPUT}_a_redrive_prints",),
    },
    "docs/policy-simulation.md": {"Testing who may do what": (COMMANDS, POLICIES, POLICIES, POLICIES)},
    "docs/releasing.md": {"Make one": (COMMANDS,) * 2, "Verify what you install": (COMMANDS,) * 2},
    "docs/runbook-failed-run.md": {
        "A run failed, or lost objects": (FAILED_RUN,),
        "Redrive": (FAILED_RUN,),
        "Retry": (FAILED_RUN,),
    },
    "docs/runbook-parent-still-runs.md": {
        "Look": (WAITS, WAITS, WAITS, WAITS, WAITS, AWS_ONLY),
        "The parent waits": (WAITS,) * 3,
        "The child was left behind": (LEFT_BEHIND,) * 2,
        "The parent timed out": (TIMED_OUT,) * 2,
        "What you can't see": (AWS_ONLY,),
    },
    "docs/testing.md": {"Testing your own app": (COMMANDS, TESTING, TESTING, TESTING)},
}
