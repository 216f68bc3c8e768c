"""Use cases: commands, their handlers, permissions, and the event store beneath them.

Importing the package registers every handler.
"""

from application import api_keys, complaints, shipments

__all__ = ["api_keys", "complaints", "shipments"]
