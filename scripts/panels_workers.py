"""The dashboard of the workers: who works, on what, how fast, and how large they get."""

from __future__ import annotations

from panels import BY_GROUP, GREEN, ORANGE, RATE, RED, Dashboard, Panel, Row, one, quantiles, runbook

WORKERS = Dashboard(
    "workers",
    "Genesis: Workers",
    "Who works, on what, how fast, and how large they get.",
    rows=(
        Row(
            "Who works",
            (
                Panel(
                    "Workers of each queue",
                    "That gave a recent sign of life." + runbook("queue-without-worker"),
                    one("sum by (queue) (genesis_queue_workers)", "{{queue}}"),
                    width=12,
                ),
                Panel(
                    "Waiting in each queue",
                    "Tasks that no worker has taken yet. The bridges keep it short: what waits longer is in the streams.",
                    one("sum by (queue) (genesis_queue_length)", "{{queue}}"),
                    width=12,
                ),
                Panel(
                    "Programs",
                    "That gave a recent sign of life, by role." + runbook("program-gone"),
                    one("sum by (role) (genesis_programs)", "{{role}}"),
                ),
                Panel(
                    "Last sign of life",
                    "One comes every 5 seconds; after 20 a program counts as gone." + runbook("program-gone"),
                    one("max by (role, program) (genesis_program_seen_seconds)", "{{role}} {{program}}"),
                    unit="s", limits=((20, RED),),
                ),
                Panel(
                    "Healthy",
                    "Whether all parts of each program go on." + runbook("program-hangs"),
                    one("min by (role, program) (genesis_program_healthy)", "{{role}} {{program}}"),
                    kind="state-timeline", words=((0, "ails", RED), (1, "healthy", GREEN)),
                ),
            ),
        ),
        Row(
            "What they do",
            (
                Panel(
                    "Runs",
                    "Per second, by what became of them.",
                    one(f"sum by (outcome) (rate(genesis_runs_total{RATE}))", "{{outcome}}"),
                    unit="ops", width=12, stacked=True,
                ),
                Panel(
                    "Failures",
                    "Share of the runs that were retried or buried, by group." + runbook("dead-letters-grow"),
                    one(
                        f'sum by (stream, group) (rate(genesis_deliveries_total{{outcome=~"retried|buried"}}{RATE})) '
                        f"/ sum by (stream, group) (rate(genesis_deliveries_total{RATE}))",
                        BY_GROUP,
                    ),
                    unit="percentunit", width=12, limits=((0.01, ORANGE), (0.1, RED)),
                ),
                Panel(
                    "Runtime, p50 and p95",
                    "Of the handlers, by group.",
                    quantiles("genesis_run_seconds", "group", "", (50, 95)),
                    unit="s", width=12,
                ),
                Panel(
                    "Busy",
                    "Share of their time in which the children of each worker run a handler. Near 100 % it has no reserve."
                    + runbook("backlog-grows"),
                    one(
                        f"sum by (program) (rate(genesis_run_seconds_sum{RATE})) / sum by (program) (genesis_worker_children)",
                        "{{program}}",
                    ),
                    unit="percentunit", width=12, limits=((0.8, ORANGE), (0.95, RED)), most=1,
                ),
            ),
        ),
        Row(
            "Memory",
            (
                Panel(
                    "Children",
                    "Processes of each worker that run tasks.",
                    one("sum by (program) (genesis_worker_children)", "{{program}}"),
                ),
                Panel(
                    "Memory of the children",
                    "One that gets larger than celery.max_memory_per_child_mb is replaced between two tasks.",
                    one("sum by (program, child) (genesis_worker_child_memory_bytes)", "{{program}} child {{child}}"),
                    unit="bytes",
                ),
                Panel(
                    "Memory of the programs",
                    "Their main processes.",
                    one('sum by (role, program) (process_resident_memory_bytes{job="genesis-programs"})', "{{role}} {{program}}"),
                    unit="bytes",
                ),
            ),
        ),
        Row(
            "As Flower sees them",
            (
                Panel(
                    "Online",
                    "Workers that Flower hears. Only those that run with -E tell it about tasks." + runbook("target-down"),
                    one("max by (worker) (flower_worker_online)", "{{worker}}"),
                    kind="state-timeline", words=((0, "offline", RED), (1, "online", GREEN)),
                ),
                Panel(
                    "Task events",
                    "Per second, by kind.",
                    one(f'sum by (type) (rate(flower_events_total{{type=~"task-.*"}}{RATE}))', "{{type}}"),
                    unit="eps",
                ),
                Panel(
                    "Executing now",
                    "Tasks, by worker.",
                    one("sum by (worker) (flower_worker_number_of_currently_executing_tasks)", "{{worker}}"),
                ),
                Panel(
                    "Task runtime, p95",
                    "With what Celery adds to the handler.",
                    one(
                        f"histogram_quantile(0.95, sum by (le, task) (rate(flower_task_runtime_seconds_bucket{RATE})))",
                        "{{task}}",
                    ),
                    unit="s", width=12,
                ),
                Panel(
                    "Waiting in the worker",
                    "Time between a task's arrival at a worker and its start, of the last one.",
                    one("max by (worker, task) (flower_task_prefetch_time_seconds)", "{{worker}} {{task}}"),
                    unit="s", width=12,
                ),
            ),
        ),
    ),
)  # fmt: skip
