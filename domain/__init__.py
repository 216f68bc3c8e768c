"""The rules of the business: aggregates, events, policies and value objects.

Nothing in here reads a clock, a file, a network or a random number: times and ids come in.
"""
