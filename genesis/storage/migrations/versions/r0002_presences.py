"""Presences; zone events, alerts and figures in full."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

PRESENCES = """
-- One person before one camera, folded from the events of that presence in any order. ended is NULL until its end is told. reason, zones
-- and box are from the event told_by, identity ... face from the event named_by. identity_id is as that event had it: the person may have
-- been merged since, or be gone, so it refers to nothing.
CREATE TABLE presences (
    session text PRIMARY KEY,
    camera text NOT NULL,
    started timestamptz NOT NULL,
    last_event timestamptz NOT NULL,
    ended timestamptz,
    duration double precision NOT NULL DEFAULT 0,
    frames bigint NOT NULL DEFAULT 0,
    told_by text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    zones jsonb NOT NULL DEFAULT '{}',
    box double precision[],
    named_by text NOT NULL DEFAULT '',
    identity text,
    identity_id uuid,
    known boolean NOT NULL DEFAULT FALSE,
    score double precision,
    face text NOT NULL DEFAULT ''
);
CREATE INDEX presences_camera ON presences (camera, started);
CREATE INDEX presences_started ON presences (started);
CREATE INDEX presences_last ON presences (last_event);
CREATE INDEX presences_identity ON presences (identity_id, started) WHERE identity_id IS NOT NULL;
CREATE INDEX presences_face ON presences (face) WHERE face <> '';
ALTER TABLE presences
    ALTER COLUMN identity SET STATISTICS 0, ALTER COLUMN face SET STATISTICS 0, ALTER COLUMN named_by SET STATISTICS 0;
"""

RECORDS = """
ALTER TABLE sessions
    ADD COLUMN zones jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN identity text,
    ADD COLUMN identity_id uuid,
    ADD COLUMN known boolean NOT NULL DEFAULT FALSE,
    ADD COLUMN score double precision;
CREATE INDEX sessions_identity ON sessions (identity_id) WHERE identity_id IS NOT NULL;
ALTER TABLE sessions ALTER COLUMN identity SET STATISTICS 0;

ALTER TABLE zone_events
    ADD COLUMN number bigint,
    ADD COLUMN occupancy integer NOT NULL DEFAULT 0,
    ADD COLUMN direction text;

-- alert is the event that raised it; what is raised has its own id there.
ALTER TABLE alerts
    ADD COLUMN kind text NOT NULL DEFAULT 'raised',
    ADD COLUMN alert text NOT NULL DEFAULT '',
    ADD COLUMN zone text NOT NULL DEFAULT '',
    ADD COLUMN track text NOT NULL DEFAULT '',
    ADD COLUMN box double precision[],
    ADD COLUMN dwell double precision NOT NULL DEFAULT 0,
    ADD COLUMN persons integer NOT NULL DEFAULT 0,
    ADD COLUMN direction text,
    ADD COLUMN identity text,
    ADD COLUMN identity_id uuid,
    ADD COLUMN known boolean NOT NULL DEFAULT FALSE,
    ADD COLUMN snapshot text NOT NULL DEFAULT '';
UPDATE alerts SET alert = event_id;
CREATE INDEX alerts_alert ON alerts (alert);
CREATE INDEX alerts_track ON alerts (track) WHERE track <> '';
CREATE INDEX alerts_identity ON alerts (identity_id) WHERE identity_id IS NOT NULL;
CREATE INDEX alerts_snapshot ON alerts (snapshot) WHERE snapshot <> '';
ALTER TABLE alerts ALTER COLUMN identity SET STATISTICS 0, ALTER COLUMN snapshot SET STATISTICS 0;

ALTER TABLE metrics
    ADD COLUMN session text NOT NULL DEFAULT '',
    ADD COLUMN seconds double precision NOT NULL DEFAULT 0,
    ADD COLUMN late bigint NOT NULL DEFAULT 0,
    ADD COLUMN most_persons integer NOT NULL DEFAULT 0,
    ADD COLUMN tracks integer NOT NULL DEFAULT 0,
    ADD COLUMN occupancy jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN visits jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN dwell jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN latency_p50 double precision,
    ADD COLUMN latency_p95 double precision;
"""


def upgrade() -> None:
    """Make the table of presences, and add what the others lack."""
    for statements in (PRESENCES, RECORDS):
        op.get_bind().exec_driver_sql(statements)
