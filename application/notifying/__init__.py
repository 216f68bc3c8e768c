"""Notices to customers: when one is due, what it says, and how it leaves, once.

``queueing`` reads the log and queues notices, ``delivery`` sends them, ``run`` keeps both going;
docs/decisions/0007-notices.md says what happens when something dies in between.
"""
