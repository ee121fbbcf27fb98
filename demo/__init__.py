"""The apps, synthesized, deployed and run on the embedded AWS: ``python -m demo``."""
