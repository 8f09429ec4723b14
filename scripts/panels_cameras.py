"""The dashboard of the cameras: what each gives, and what is seen there."""

from __future__ import annotations

from panels import GREEN, OF_CAMERA, RATE, RED, Choice, Dashboard, Panel, Query, Row, one, quantiles, runbook


def _told(stream: str) -> str:
    return f'60 * sum by (camera) (rate(genesis_events_published_total{{stream="{stream}",camera=~"$camera"}}{RATE}))'


CAMERAS = Dashboard(
    "cameras",
    "Genesis: Cameras",
    "What each camera gives, and what is seen there.",
    choices=(Choice("camera", "genesis_camera_live"),),
    rows=(
        Row(
            "Frames",
            (
                Panel(
                    "Pictures",
                    "Whether each camera gives frames; nothing once its session is over." + runbook("camera-lost"),
                    one(f"max by (camera) (genesis_camera_live{OF_CAMERA})", "{{camera}}"),
                    kind="state-timeline", width=12, words=((0, "lost", RED), (1, "live", GREEN)),
                ),
                Panel(
                    "Last heard of",
                    "Time since a frame of the camera, or a change of its session, was noted." + runbook("camera-lost"),
                    one(f"max by (camera) (genesis_camera_heard_seconds{OF_CAMERA})", "{{camera}}"),
                    unit="s", width=12, limits=((60, RED),),
                ),
                Panel(
                    "In and processed",
                    "Frames per second that were published, and that reached the tracker: should be the same." + runbook("camera-slow"),
                    (
                        Query(f"max by (camera) (genesis_camera_captured_frames_per_second{OF_CAMERA})", "{{camera}} in"),
                        Query(f"max by (camera) (genesis_camera_processed_frames_per_second{OF_CAMERA})", "{{camera}} processed"),
                    ),
                    width=12,
                ),
                Panel(
                    "Dropped",
                    "Frames per second that were not published, by reason. superseded: a newer one came first; backpressure, "
                    "cache_full: no room; corrupt: it could not be read." + runbook("frames-dropped"),
                    one(
                        f"sum by (camera, reason) (rate(genesis_camera_dropped_frames_total{OF_CAMERA}{RATE}))",
                        "{{camera}} {{reason}}",
                    ),
                    width=12, stacked=True,
                ),
                Panel(
                    "Taken by the captures",
                    "Frames per second that each capture has read and taken, told by itself.",
                    one(f"sum by (camera) (rate(genesis_capture_frames_total{OF_CAMERA}{RATE}))", "{{camera}}"),
                ),
                Panel(
                    "Storing and publishing a frame",
                    "Time that it takes the capture. Above the time between two frames it can't keep up." + runbook("frames-dropped"),
                    quantiles("genesis_capture_publish_seconds", "camera", OF_CAMERA, (50, 95)),
                    unit="s",
                ),
                Panel(
                    "From capture to tracker",
                    "In the newest window.",
                    (
                        Query(f"max by (camera) (genesis_camera_latency_p50_seconds{OF_CAMERA})", "p50 {{camera}}"),
                        Query(f"max by (camera) (genesis_camera_latency_p95_seconds{OF_CAMERA})", "p95 {{camera}}"),
                    ),
                    unit="s",
                ),
            ),
        ),
        Row(
            "People",
            (
                Panel(
                    "Persons",
                    "In a frame, on average over the newest window.",
                    one(f"max by (camera) (genesis_camera_persons{OF_CAMERA})", "{{camera}}"),
                ),
                Panel(
                    "Most persons at once",
                    "In one frame of the newest window.",
                    one(f"max by (camera) (genesis_camera_most_persons{OF_CAMERA})", "{{camera}}"),
                ),
                Panel(
                    "Different persons",
                    "Tracks in the newest window.",
                    one(f"max by (camera) (genesis_camera_tracks{OF_CAMERA})", "{{camera}}"),
                ),
                Panel(
                    "In the zones",
                    "Most persons at once in each zone, in the newest window.",
                    one(f"max by (camera, zone) (genesis_zone_occupancy{OF_CAMERA})", "{{camera}} {{zone}}"),
                    width=12,
                ),
                Panel(
                    "Time spent in the zones",
                    "Mean length of the visits that ended in the newest window.",
                    one(f"max by (camera, zone) (genesis_zone_dwell_seconds{OF_CAMERA})", "{{camera}} {{zone}}"),
                    unit="s", width=12,
                ),
                Panel(
                    "Changes in the zones",
                    "Entered, exited, loitering, crossed, identified: per minute.",
                    one(_told("zones"), "{{camera}}"),
                    width=12,
                ),
                Panel(
                    "Alerts",
                    "Raised and updated by the rules, per minute." + runbook("nobody-was-told"),
                    one(_told("alerts"), "{{camera}}"),
                    width=12,
                ),
            ),
        ),
    ),
)  # fmt: skip
