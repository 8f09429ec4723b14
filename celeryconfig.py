"""The configuration of Celery, as `celery -A genesis ...` reads it; values come from `configs/settings.yaml`."""

from __future__ import annotations

from kombu import Exchange, Queue

from genesis.bus import broker as _broker
from genesis.settings import current
from genesis.subscriptions import load_subscriptions

_settings = current()

broker_url = _broker.broker_url(_settings)
broker_connection_retry_on_startup = True
broker_connection_max_retries = None  # a worker outlives its broker
broker_transport_options = _broker.transport_options(_settings)

# JSON and nothing else: a message from outside must never run code.
task_serializer = "json"
result_serializer = "json"
accept_content = ["json"]
result_accept_content = ["json"]
task_ignore_result = True
result_backend = None

_exchange = Exchange("genesis", type="direct")
task_queues = [Queue(name, _exchange, routing_key=name) for name in load_subscriptions(_settings.handlers).queues]
task_create_missing_queues = False
task_default_queue = "ingestion"
task_acks_late = False
task_reject_on_worker_lost = False  # it would run a task that kills its worker without end

worker_prefetch_multiplier = 1
worker_max_tasks_per_child = _settings.celery.max_tasks_per_child
# A child that replaces another loads its models before it says that it is up; Celery's own 4 s would kill it, and the next one too.
worker_proc_alive_timeout = 300.0
worker_max_memory_per_child = int(_settings.celery.max_memory_per_child_mb * 1000)
worker_lost_wait = 1.0  # seconds until a child that died counts as lost; its entry then comes again at once
worker_soft_shutdown_timeout = 0.0  # a worker that is asked to end gives back what runs longer than celery.shutdown_seconds by itself
worker_enable_soft_shutdown_on_idle = False
worker_cancel_long_running_tasks_on_connection_loss = False
worker_send_task_events = False  # costs a quarter of the throughput; `-E` turns it on, for Flower
task_send_sent_event = False

# A retry is published by the child that failed, which waits with it while the broker is away: about 20 s.
task_publish_retry_policy = {"max_retries": 25, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 1.0}
worker_enable_prefetch_count_reduction = False  # what was under way when the broker went away comes again anyway

timezone = "UTC"
enable_utc = True
