"""Modules that only the emulator's process uses (`python -m constructs_lib.local.server`).

Nothing here may be imported by a client: most modules load MiniStack or moto, which read the environment while they
load.
"""
