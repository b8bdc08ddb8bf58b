"""The commands of `pxw`, one file per command (cli.py names them all), and what they print with.

Belongs here: arguments, words on the terminal, exit codes. Does not belong here: work that a Dagster run or a page does too.
"""
