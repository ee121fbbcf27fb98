"""How the local cloud compares with what AWS recorded: `python -m parity`.

Every recorded execution is run on the local cloud, and its history is compared with the recording on three levels: the
result (status, output, error name), the sequence of event types, the details of each event. A case's level is the
highest that it reaches with all those below it: 0 when its result differs already, 3 when all is as AWS recorded it.

The recordings aren't part of the project. They are a folder with two files, `shared/aws-recordings` beside the checkout
unless `--recordings` names another: `cases.jsonl`, one case a line (`id`, `type`, `definition`, `input`, `files` to
put into S3 first, `recorded`: the history that AWS returned, ids and names in it replaced by words), and `compare.py`,
whose `compare_history` compares a history with a recording.
"""
