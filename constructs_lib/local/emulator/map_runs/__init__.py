"""The Distributed Map: items read, batched, run as child executions, their results written."""
