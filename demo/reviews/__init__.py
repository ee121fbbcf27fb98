"""The review workflow, a parent in one account and its child in another: ``python -m demo reviews``."""
