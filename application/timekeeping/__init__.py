"""Timers: warnings, breaches and alerts of the clocks of cases, put on record soon after they fall.

A process manager of its own: it folds the log into ``process.case_clocks``, where the moment at
which a case has to be looked at next is an index, not a scan (architecture.md 9.15, 9.16).
"""
