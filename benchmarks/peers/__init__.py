"""Other people's task queues on Redis, and Genesis, each with a handler that does nothing: one module each, all with the same face.

A module defines its worker's application, as that library's own command wants it, and `Publisher`, by which `publish.py` publishes
numbered events. They run in an environment of their own (`requirements.txt`), so nothing but the standard library is shared.
"""
