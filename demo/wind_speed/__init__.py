"""The wind-speed app: ``python -m demo``."""
