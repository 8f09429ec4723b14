"""The first tables: identities and their faces, sightings, and what happened."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

FACES = """
CREATE SEQUENCE unknown_numbers AS integer;

-- A model's embeddings all have one dimension. The counts are kept by triggers, so that a search knows at once how much there is.
CREATE TABLE face_models (
    model text PRIMARY KEY,
    dimension integer NOT NULL CHECK (dimension BETWEEN 1 AND 16000),
    known bigint NOT NULL DEFAULT 0,
    unknown bigint NOT NULL DEFAULT 0,
    created timestamptz NOT NULL DEFAULT now()
);

-- name_key is the name without regard to case, so that no server's idea of letters matters. Who was once unknown keeps that number.
CREATE TABLE identities (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind text NOT NULL CHECK (kind IN ('known', 'unknown')),
    name text,
    name_key text UNIQUE,
    unknown_number integer UNIQUE,
    label text NOT NULL GENERATED ALWAYS AS (coalesce(name, 'unknown-' || unknown_number::text)) STORED,
    created timestamptz NOT NULL DEFAULT now(),
    erasing timestamptz,
    UNIQUE (id, kind),
    CHECK ((kind = 'known') = (name IS NOT NULL)),
    CHECK ((name IS NULL) = (name_key IS NULL))
);
ALTER SEQUENCE unknown_numbers OWNED BY identities.unknown_number;

-- Ids that were merged into another identity; never in a chain.
CREATE TABLE redirects (
    merged_id uuid PRIMARY KEY,
    identity_id uuid NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    created timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX redirects_identity ON redirects (identity_id);

-- origin is the SHA-256 of the photo, or the id of the event. kind is the identity's, kept equal by the foreign key, to be indexed here.
CREATE TABLE face_embeddings (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity_id uuid NOT NULL,
    kind text NOT NULL,
    model text NOT NULL REFERENCES face_models (model),
    embedding vector NOT NULL,
    source text NOT NULL CHECK (source IN ('photo', 'sighting')),
    origin text NOT NULL,
    crop text NOT NULL DEFAULT '',
    size double precision NOT NULL DEFAULT 0,
    sharpness double precision NOT NULL DEFAULT 0,
    frontal double precision NOT NULL DEFAULT 0,
    created timestamptz NOT NULL DEFAULT now(),
    UNIQUE (identity_id, model, origin),
    FOREIGN KEY (identity_id, kind) REFERENCES identities (id, kind) ON UPDATE CASCADE ON DELETE CASCADE
);
ALTER TABLE face_embeddings ALTER COLUMN embedding SET STORAGE MAIN;
CREATE INDEX face_embeddings_model ON face_embeddings (model, kind);
CREATE INDEX face_embeddings_origin ON face_embeddings (origin);
CREATE INDEX face_embeddings_crop ON face_embeddings (crop) WHERE crop <> '';

CREATE FUNCTION count_faces() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE face_models m SET known = m.known - c.known, unknown = m.unknown - c.unknown FROM (
            SELECT model, count(*) FILTER (WHERE kind = 'known') AS known, count(*) FILTER (WHERE kind = 'unknown') AS unknown
            FROM gone GROUP BY model
        ) c WHERE m.model = c.model;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        UPDATE face_models m SET known = m.known + c.known, unknown = m.unknown + c.unknown FROM (
            SELECT model, count(*) FILTER (WHERE kind = 'known') AS known, count(*) FILTER (WHERE kind = 'unknown') AS unknown
            FROM come GROUP BY model
        ) c WHERE m.model = c.model;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count_come AFTER INSERT ON face_embeddings
    REFERENCING NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION count_faces();
CREATE TRIGGER count_gone AFTER DELETE ON face_embeddings
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION count_faces();
CREATE TRIGGER count_changed AFTER UPDATE ON face_embeddings
    REFERENCING OLD TABLE AS gone NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION count_faces();
"""

SIGHTINGS = """
-- id is the number that people use. Boxes are x1 y1 x2 y2 in pixels of the frame. Where identity_id is NULL, nobody could be told apart.
CREATE TABLE sightings (
    event_id text PRIMARY KEY,
    id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    identity_id uuid REFERENCES identities (id),
    camera text NOT NULL,
    time timestamptz NOT NULL,
    session text NOT NULL,
    number bigint NOT NULL,
    track text,
    person double precision[] NOT NULL,
    box double precision[] NOT NULL,
    model text NOT NULL,
    distance double precision,
    threshold double precision,
    margin double precision,
    score double precision,
    attempts integer NOT NULL DEFAULT 0,
    crop text NOT NULL DEFAULT '',
    embedding vector,
    size double precision NOT NULL DEFAULT 0,
    sharpness double precision NOT NULL DEFAULT 0,
    frontal double precision NOT NULL DEFAULT 0,
    stored timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sightings_identity ON sightings (identity_id, time);
CREATE INDEX sightings_camera ON sightings (camera, time);
CREATE INDEX sightings_time ON sightings (time);
CREATE INDEX sightings_crop ON sightings (crop) WHERE crop <> '';

-- What of a person is left after an erasure: that there was one.
CREATE TABLE erasures (
    id uuid PRIMARY KEY,
    erased timestamptz NOT NULL DEFAULT now(),
    embeddings integer NOT NULL,
    sightings integer NOT NULL,
    crops integer NOT NULL
);

-- What is compared by its bytes alone needs no statistics, and those would keep copies of it.
ALTER TABLE identities ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN name_key SET STATISTICS 0, ALTER COLUMN label SET STATISTICS 0;
ALTER TABLE face_embeddings
    ALTER COLUMN embedding SET STATISTICS 0, ALTER COLUMN origin SET STATISTICS 0, ALTER COLUMN crop SET STATISTICS 0;
ALTER TABLE sightings
    ALTER COLUMN event_id SET STATISTICS 0, ALTER COLUMN embedding SET STATISTICS 0, ALTER COLUMN crop SET STATISTICS 0;
"""

RECORDS = """
CREATE TABLE sessions (
    event_id text PRIMARY KEY,
    camera text NOT NULL,
    time timestamptz NOT NULL,
    scope text NOT NULL CHECK (scope IN ('camera', 'person')),
    kind text NOT NULL,
    session text NOT NULL,
    track text,
    reason text NOT NULL DEFAULT '',
    frames bigint NOT NULL DEFAULT 0,
    dropped jsonb NOT NULL DEFAULT '{}',
    duration double precision NOT NULL DEFAULT 0
);
CREATE INDEX sessions_camera ON sessions (camera, time);
CREATE INDEX sessions_time ON sessions (time);
CREATE INDEX sessions_session ON sessions (session);

CREATE TABLE zone_events (
    event_id text PRIMARY KEY,
    camera text NOT NULL,
    time timestamptz NOT NULL,
    kind text NOT NULL,
    zone text NOT NULL,
    track text NOT NULL,
    session text NOT NULL DEFAULT '',
    box double precision[],
    dwell double precision NOT NULL DEFAULT 0
);
CREATE INDEX zone_events_camera ON zone_events (camera, time);
CREATE INDEX zone_events_time ON zone_events (time);

CREATE TABLE alerts (
    event_id text PRIMARY KEY,
    camera text NOT NULL,
    time timestamptz NOT NULL,
    rule text NOT NULL,
    severity text NOT NULL,
    message text NOT NULL DEFAULT '',
    cause text NOT NULL DEFAULT ''
);
CREATE INDEX alerts_camera ON alerts (camera, time);
CREATE INDEX alerts_time ON alerts (time);
CREATE INDEX alerts_cause ON alerts (cause) WHERE cause <> '';
ALTER TABLE alerts ALTER COLUMN message SET STATISTICS 0, ALTER COLUMN cause SET STATISTICS 0;

CREATE TABLE metrics (
    event_id text PRIMARY KEY,
    camera text NOT NULL,
    time timestamptz NOT NULL,
    window_seconds double precision NOT NULL,
    frames_captured bigint NOT NULL DEFAULT 0,
    frames_processed bigint NOT NULL DEFAULT 0,
    persons bigint NOT NULL DEFAULT 0,
    dropped jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX metrics_camera ON metrics (camera, time);
CREATE INDEX metrics_time ON metrics (time);
"""


def upgrade() -> None:
    """Make the tables."""
    for statements in (FACES, SIGHTINGS, RECORDS):
        op.get_bind().exec_driver_sql(statements)
