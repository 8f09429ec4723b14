"""The dashboard of the pipeline: how many events are on their way, how long they wait, how many fail."""

from __future__ import annotations

from panels import BY_GROUP, OF_STREAM, ORANGE, RATE, RED, UP, Choice, Dashboard, Panel, Query, Row, one, quantiles, runbook


def _outcome(outcome: str) -> str:
    return f'{{stream=~"$stream",outcome="{outcome}"}}'


def _age(share: int) -> Panel:
    (query,) = quantiles("genesis_event_age_seconds", "stream, group", OF_STREAM, (share,))
    return Panel(
        f"From capture to settled, p{share}",
        f"{share} % of the events of each stage were settled within this time of the capture of their frame: the stages follow each other, "
        "so the last ones show the whole way.",
        one(query.expr, BY_GROUP),
        unit="s",
    )


PIPELINE = Dashboard(
    "pipeline",
    "Genesis: Pipeline",
    "Events on their way: how many, how long they wait, how many fail.",
    choices=(Choice("stream", "genesis_stream_length"),),
    rows=(
        Row(
            "Now",
            (
                Panel(
                    "Ledger",
                    "Whether the exporter can read the ledger." + runbook("genesis-down"),
                    one("min(genesis_up)", "ledger"),
                    kind="stat", width=3, words=UP,
                ),
                Panel(
                    "Bridges",
                    "Those that gave a recent sign of life." + runbook("bridge-gone"),
                    one('genesis_programs{role="bridge"}', "bridges"),
                    kind="stat", width=3, words=((0, "none", RED),),
                ),
                Panel(
                    "Queues without a worker",
                    "Their events wait." + runbook("queue-without-worker"),
                    one("count(genesis_queue_workers == 0) or vector(0)", "queues"),
                    kind="stat", width=3, limits=((1, RED),),
                ),
                Panel(
                    "Events published",
                    "By captures and workers together.",
                    one(f"sum(rate(genesis_events_published_total{OF_STREAM}{RATE}))", "events"),
                    kind="stat", unit="eps", width=3,
                ),
                Panel(
                    "Largest backlog",
                    "Unsettled events of the slowest group, as a share of what stops publishing." + runbook("backlog-grows"),
                    one(f"max(genesis_group_pending{OF_STREAM} + genesis_group_lag{OF_STREAM}) / max(genesis_backlog_limit)", "backlog"),
                    kind="stat", unit="percentunit", width=3, limits=((0.3, ORANGE), (0.8, RED)),
                ),
                Panel(
                    "Oldest pending",
                    "How long ago the oldest event that is not settled was taken." + runbook("oldest-pending-too-old"),
                    one(f"max(genesis_group_oldest_pending_seconds{OF_STREAM})", "age"),
                    kind="stat", unit="s", width=3, limits=((60, ORANGE), (900, RED)),
                ),
                Panel(
                    "Dead letters",
                    "Events that failed for good and wait for somebody." + runbook("dead-letters-wait"),
                    one(f"sum(genesis_stream_dead_letters{OF_STREAM})", "letters"),
                    kind="stat", width=3, limits=((1, ORANGE),),
                ),
                Panel(
                    "Lost",
                    "Entries that somebody deleted before they were handled, since the ledger began: must be 0." + runbook("event-lost"),
                    one(f"sum(genesis_deliveries_total{_outcome('lost')})", "events"),
                    kind="stat", width=3, limits=((1, RED),),
                ),
            ),
        ),
        Row(
            "Flow",
            (
                Panel(
                    "Events published",
                    "Per second, by stream. Persons follow frames; zones, sessions and alerts follow what people do.",
                    one(f"sum by (stream) (rate(genesis_events_published_total{OF_STREAM}{RATE}))", "{{stream}}"),
                    unit="eps", width=12,
                ),
                Panel(
                    "Settled",
                    "Per second, by group. In balance it is what the stream gets, and the backlog stays flat.",
                    one(f"sum by (stream, group) (rate(genesis_deliveries_total{_outcome('settled')}{RATE}))", BY_GROUP),
                    unit="eps", width=12,
                ),
                Panel(
                    "Backlog",
                    "Pending and lag of each group. At event_driven.backpressure.max_pending (1000) publishing is refused."
                    + runbook("backlog-grows"),
                    one(f"sum by (stream, group) (genesis_group_pending{OF_STREAM} + genesis_group_lag{OF_STREAM})", BY_GROUP),
                    width=12, limits=((800, ORANGE), (1000, RED)),
                ),
                Panel(
                    "Oldest pending",
                    "How long ago the oldest unsettled event of each group was taken. Failures are retried after 1, 5 and 15 seconds."
                    + runbook("oldest-pending-too-old"),
                    one(f"max by (stream, group) (genesis_group_oldest_pending_seconds{OF_STREAM})", BY_GROUP),
                    unit="s", width=12, limits=((900, RED),),
                ),
                Panel(
                    "Groups now",
                    "Pending: taken and not settled. Lag: not taken yet. In flight: on their way to a worker; window: as many may be.",
                    (
                        Query(f"sum by (stream, group) (genesis_group_pending{OF_STREAM})", "pending"),
                        Query(f"sum by (stream, group) (genesis_group_lag{OF_STREAM})", "lag"),
                        Query(f"max by (stream, group) (genesis_group_oldest_pending_seconds{OF_STREAM})", "oldest pending, s"),
                        Query(f"sum by (stream, group) (genesis_bridge_in_flight_entries{OF_STREAM})", "in flight"),
                        Query(f"sum by (stream, group) (genesis_bridge_window_entries{OF_STREAM})", "window"),
                        Query(f"sum by (stream, group) (genesis_deliveries_total{_outcome('buried')})", "buried"),
                    ),
                    kind="table", width=12,
                ),
                Panel(
                    "In flight",
                    "Entries that the bridges have put into Celery's queues and that are not settled. It is held below the "
                    "window, which adapts to what workers do.",
                    one(f"sum by (stream, group) (genesis_bridge_in_flight_entries{OF_STREAM})", BY_GROUP),
                    width=12,
                ),
            ),
        ),
        Row(
            "Time",
            (
                _age(50),
                _age(95),
                _age(99),
                Panel(
                    "Handler, mean",
                    "Time that a handler runs, on average.",
                    one(
                        f"sum by (stream, group) (rate(genesis_run_seconds_sum{OF_STREAM}{RATE})) "
                        f"/ sum by (stream, group) (rate(genesis_run_seconds_count{OF_STREAM}{RATE}))",
                        BY_GROUP,
                    ),
                    unit="s", width=12,
                ),
                Panel(
                    "Handler, p95",
                    "95 % of the runs took no longer.",
                    one(quantiles("genesis_run_seconds", "stream, group", OF_STREAM, (95,))[0].expr, BY_GROUP),
                    unit="s", width=12,
                ),
            ),
        ),
        Row(
            "Failures",
            (
                Panel(
                    "Retries",
                    "Runs that failed and are tried again, per second, by group.",
                    one(f"sum by (stream, group) (rate(genesis_deliveries_total{_outcome('retried')}{RATE}))", BY_GROUP),
                    unit="eps",
                ),
                Panel(
                    "Redeliveries",
                    "Entries that were dispatched again, since whoever had them was gone: a worker or bridge that was killed, or a "
                    "queue that was lost." + runbook("program-gone"),
                    one(f"sum by (stream, group) (rate(genesis_bridge_redelivered_total{OF_STREAM}{RATE}))", BY_GROUP),
                    unit="eps",
                ),
                Panel(
                    "Stale and late",
                    "Settled without being handled, per second: a live camera's frames that were too old, and events of an ordered "
                    "group that came after they were passed over." + runbook("camera-slow"),
                    one(
                        'sum by (stream, group, outcome) (rate(genesis_deliveries_total{stream=~"$stream",outcome=~"stale|late"}'
                        f"{RATE}))",
                        "{{stream}} {{group}} {{outcome}}",
                    ),
                    unit="eps",
                ),
                Panel(
                    "Dead letters",
                    "That wait for somebody, by stream." + runbook("dead-letters-grow"),
                    one(f"sum by (stream) (genesis_stream_dead_letters{OF_STREAM})", "{{stream}}"),
                    width=12,
                ),
                Panel(
                    "Buried",
                    "Events that became dead letters, per second, by group." + runbook("dead-letters-grow"),
                    one(f"sum by (stream, group) (rate(genesis_deliveries_total{_outcome('buried')}{RATE}))", BY_GROUP),
                    unit="eps", width=12,
                ),
            ),
        ),
    ),
)  # fmt: skip
