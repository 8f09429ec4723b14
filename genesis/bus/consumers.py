"""Whose hands an entry is in: the names of consumers tell, so that the pending list alone says what to do when a lease runs out.

| consumer | the entry | when its lease runs out |
|---|---|---|
| `bridge-HOST-N` | was read by that bridge; its task is in a queue, or lost | dispatched again |
| `worker-NAME` | is being run by that worker | dispatched again, and counted as a delivery: its worker died of it, perhaps |
| `waiting` | failed, met backpressure or was handed back; its task waits for its time, or is lost | dispatched again |
| `held` | came before its turn in an ordered subscription, and waits for the ones before it | dispatched again |

An entry without a lease is one that nobody has touched for `delivery.lease_seconds` (its idle time in the pending list).
"""

from __future__ import annotations

BRIDGE = "bridge-"
WORKER = "worker-"
WAITING = "waiting"
HELD = "held"


def worker_consumer(nodename: str) -> str:
    """Return the consumer that stands for a Celery worker, from its node name (`detection@host`)."""
    return f"{WORKER}{nodename}"


def ran(consumer: str) -> bool:
    """Tell whether an entry in these hands was being run."""
    return consumer.startswith(WORKER)
