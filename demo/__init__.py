"""The wind-speed app, synthesized, deployed and run on the embedded AWS: ``python -m demo``."""
