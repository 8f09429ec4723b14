"""Options of a Flower outside of Genesis' own environment, which reads this file where it is started; arguments win over it.

Inside of it, `celery -A genesis flower` has them from the settings `flower.*`.
"""

import os

tasks_columns = os.environ.get("FLOWER_TASKS_COLUMNS") or "name,args,state,runtime,received,worker,uuid"
# It would turn on the events of every worker, which cost those that were not started with -E dearly.
enable_events = os.environ.get("FLOWER_ENABLE_EVENTS", "").lower() in {"true", "1", "yes", "on"}
# A task that is revoked there would come again and again, and never run. (Flower 2.0 does not know this.)
read_only = os.environ.get("FLOWER_READ_ONLY", "true").lower() in {"true", "1", "yes", "on"}
# Each takes 5 kB.
max_tasks = int(os.environ.get("FLOWER_MAX_TASKS") or os.environ.get("GENESIS_FLOWER__MAX_TASKS") or 5000)
# user:password; nobody is asked where neither is set.
basic_auth = list(filter(None, os.environ.get("FLOWER_BASIC_AUTH", "").split(","))) or list(
    filter(None, [os.environ.get("GENESIS_FLOWER__BASIC_AUTH")])
)
