"""Benchmarks: every claim about speed or memory is a number printed from here.

Belongs here: timed runs beside a plain script doing the same work in the same run.
Does not belong here: tests; nothing here decides whether the project is right.
"""
