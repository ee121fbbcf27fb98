"""What a run will take and cost, and what runs into which limit: a simulation of the account, without one.

`python -m constructs_lib.forecast` is the command. It reads settings from a cloud assembly and knows no construct.
"""
