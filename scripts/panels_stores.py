"""The dashboard of the stores: frames in flight, the Redis servers, the database and the gallery."""

from __future__ import annotations

from panels import ORANGE, RATE, RED, UP, Dashboard, Panel, Query, Row, one, quantiles, runbook

STORES = Dashboard(
    "stores",
    "Genesis: Stores",
    "Frames in flight, the Redis servers, the database and the gallery.",
    rows=(
        Row(
            "Frame cache",
            (
                Panel(
                    "Size",
                    "Bytes of the frames in flight, and how many there may be. A full cache is backpressure: cameras drop frames."
                    + runbook("frame-cache-nearly-full"),
                    (Query("genesis_frame_cache_bytes", "stored"), Query("genesis_frame_cache_limit_bytes", "limit")),
                    unit="bytes",
                ),
                Panel(
                    "Full",
                    "Share of the limit that is used." + runbook("frame-cache-nearly-full"),
                    one("genesis_frame_cache_bytes / genesis_frame_cache_limit_bytes", "used"),
                    unit="percentunit", limits=((0.7, ORANGE), (0.9, RED)), most=1,
                ),
                Panel(
                    "Frames and references",
                    "Stored frames, and frames that somebody still waits for. A frame whose last reference is gone is deleted.",
                    (Query("genesis_frame_cache_frames", "stored"), Query("genesis_frame_references", "waited for")),
                ),
            ),
        ),
        Row(
            "Redis",
            (
                Panel(
                    "Servers",
                    "Whether each answers. Ledger: streams and state. Cache: frames. Broker: Celery's queues." + runbook("redis-away"),
                    one("min by (server) (genesis_redis_up)", "{{server}}"),
                    kind="state-timeline", words=UP,
                ),
                Panel(
                    "Memory",
                    "That each server uses.",
                    one("max by (server) (genesis_redis_memory_bytes)", "{{server}}"),
                    unit="bytes",
                ),
                Panel(
                    "Memory, share of the limit",
                    "Of maxmemory, or of the machine's. A full server refuses what is new." + runbook("redis-memory-nearly-full"),
                    one("max by (server) (genesis_redis_memory_bytes / genesis_redis_memory_limit_bytes)", "{{server}}"),
                    unit="percentunit", limits=((0.7, ORANGE), (0.9, RED)), most=1,
                ),
                Panel(
                    "Entries in the streams",
                    "Settled ones are kept for looking at (redis.retention); dead letters are not counted.",
                    one("sum by (stream) (genesis_stream_length)", "{{stream}}"),
                    width=24,
                ),
            ),
        ),
        Row(
            "PostgreSQL",
            (
                Panel(
                    "Database",
                    "Whether it answers; nothing where nothing is stored." + runbook("database-away"),
                    one("min(genesis_database_up)", "database"),
                    kind="stat", width=4, words=UP,
                ),
                Panel(
                    "Size",
                    "On disk. What is kept for how long is in storage.retention.",
                    one("max(genesis_database_size_bytes)", "database"),
                    unit="bytes", width=10,
                ),
                Panel(
                    "Gallery",
                    "Faces to compare with, by the model that made their embeddings.",
                    one("max by (model) (genesis_gallery_embeddings)", "{{model}}"),
                    width=10,
                ),
                Panel(
                    "Search",
                    "Time to look for a face in the gallery. From storage.exact_below faces on an index is used.",
                    quantiles("genesis_search_seconds", ""),
                    unit="s", width=12,
                ),
                Panel(
                    "Searches",
                    "Per second.",
                    one(f"sum(rate(genesis_search_seconds_count{RATE}))", "searches"),
                    unit="ops", width=12,
                ),
            ),
        ),
    ),
)  # fmt: skip
