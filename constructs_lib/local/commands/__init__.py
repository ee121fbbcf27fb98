"""The commands of `python -m constructs_lib.local`, a module each group: their options, and what they do.

Importing one loads argparse and nothing of the emulator's: what a command needs is imported when it runs.
"""
