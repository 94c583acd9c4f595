-- Which tables hold the events, and which functions alone write them? Everything stands in a schema
-- of its own, which is the search path while this runs and whenever the functions do.

-- One row that stands for the store. Each append locks it until its transaction ends, so positions
-- become visible in their order. It is never updated: what a long transaction holds back from being
-- vacuumed cannot slow it down. The newest event itself says where the log ends.
CREATE TABLE store (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    version integer NOT NULL
);

INSERT INTO store (version) VALUES (0);

-- A kind is an event type within a category: one small integer, and one index, for both questions.
CREATE TABLE kinds (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    category text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    UNIQUE (category, type)
);

CREATE INDEX kinds_by_type ON kinds (type);

-- `data` and `metadata` are json, not jsonb, because what was written is read byte for byte. `size`
-- is what both hold in bytes; pages are bounded by it. Columns of fixed width stand first: no gaps.
CREATE TABLE events (
    position bigint PRIMARY KEY,
    revision bigint NOT NULL,
    recorded_us bigint NOT NULL,
    kind integer NOT NULL,
    size integer NOT NULL,
    id uuid NOT NULL,
    stream text COLLATE "C" NOT NULL,
    data json NOT NULL,
    metadata json NOT NULL
);

-- Every index that is read in order ends with what it is read by, so a page is one walk along it.
CREATE UNIQUE INDEX events_by_stream ON events (stream, revision);
CREATE INDEX events_by_kind ON events (kind, position);
CREATE INDEX events_by_id ON events (id);

-- The log in words, for people with a SQL shell.
CREATE VIEW log AS
SELECT
    e.position,
    e.stream,
    e.revision,
    k.type,
    to_timestamp(e.recorded_us / 1e6) AS recorded_at,
    e.data,
    e.metadata,
    e.id
FROM events AS e
JOIN kinds AS k ON k.id = e.kind;

-- May a fact be changed? Never. (An owner who must erase something disables the trigger first.)
CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    RAISE EXCEPTION 'what is in % is a fact: it is never updated or deleted', tg_table_name
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER events_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER kinds_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON kinds
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Which numbers have these kinds, given as two lists of one length? Adds those that are new.
CREATE FUNCTION numbers_of(categories text[], types text[]) RETURNS integer[]
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    INSERT INTO kinds (category, type)
    SELECT n.category, n.type FROM unnest(categories, types) AS n (category, type)
    ON CONFLICT DO NOTHING;
    RETURN ARRAY(
        SELECT k.id
        FROM unnest(categories, types) WITH ORDINALITY AS n (category, type, place)
        JOIN kinds AS k ON k.category = n.category AND k.type = n.type
        ORDER BY n.place
    );
END
$$;

-- At which revision did an earlier append of these ids end, if the stream is at the revision `actual`
-- (-1: no stream)? NULL: there was none, and they may be written. -1: neither holds.
-- The rule is that of `backstory.core.appending.settle`.
CREATE FUNCTION original_of(in_stream text, wanted bigint, actual bigint, ids uuid[]) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    known bigint[];
BEGIN
    IF wanted = actual OR (wanted = -2 AND actual = -1) THEN
        RETURN NULL;
    ELSIF wanted < -1 AND actual >= 0 THEN
        known := ARRAY(
            SELECT (SELECT min(e.revision) FROM events AS e WHERE e.id = n.id AND e.stream = in_stream)
            FROM unnest(ids) WITH ORDINALITY AS n (id, place) ORDER BY n.place
        );
        IF known[1] IS NULL THEN
            RETURN NULL;
        ELSIF array_position(known, NULL) IS NULL THEN
            RETURN known[cardinality(known)];
        END IF;
    ELSIF wanted >= -1 AND wanted < actual AND ids = ARRAY(
        SELECT e.id FROM events AS e
        WHERE e.stream = in_stream AND e.revision > wanted ORDER BY e.revision LIMIT cardinality(ids)
    ) THEN
        RETURN wanted + cardinality(ids);
    END IF;
    RETURN -1;
END
$$;

-- Which of these appends are written, and where? Judges one after the other, each by what those
-- before it leave behind. `ends` holds where their streams are, all else is as in `append_each`.
-- An event's revision is its place plus `shifts`, its position its place plus `jumps`, both by its
-- append; one without is not written.
CREATE FUNCTION judge_each(
    streams text[],
    wanted bigint[],
    starts integer[],
    firsts integer[],
    together integer[],
    ids uuid[],
    ends bigint[],
    head bigint,
    OUT shifts bigint[],
    OUT jumps bigint[],
    OUT revisions bigint[],
    OUT positions bigint[]
)
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    nothing bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(wanted)]);
    begun integer;  -- the first of those written together with this one
    refused boolean;
    home integer;  -- where in `ends` the stream stands
    original bigint;
    found bigint;
BEGIN
    shifts := nothing;
    jumps := nothing;
    revisions := nothing;
    positions := nothing;
    FOR this IN 1 .. cardinality(wanted) LOOP
        IF together IS NULL OR together[this] IS DISTINCT FROM together[this - 1] THEN
            begun := this;
            refused := false;
        ELSIF refused THEN
            positions[this] := 0;
            CONTINUE;
        END IF;
        home := coalesce(firsts[this], this);
        original := original_of(
            streams[this], wanted[this], ends[home], ids[starts[this] + 1 : starts[this + 1]]
        );
        IF original IS NULL THEN
            shifts[this] := ends[home] - starts[this];
            jumps[this] := head - starts[this];
            ends[home] := shifts[this] + starts[this + 1];
            head := jumps[this] + starts[this + 1];
            revisions[this] := ends[home];
            positions[this] := head;
        ELSIF original >= 0 THEN
            SELECT e.position INTO found FROM events AS e
            WHERE e.stream = streams[this] AND e.revision = original;
            revisions[this] := original;
            positions[this] := found;
        ELSE
            refused := true;
            revisions[this] := nullif(ends[home], -1);
            FOR earlier IN REVERSE this - 1 .. begun LOOP
                IF shifts[earlier] IS NOT NULL THEN
                    ends[coalesce(firsts[earlier], earlier)] := shifts[earlier] + starts[earlier];
                    head := jumps[earlier] + starts[earlier];
                END IF;
                shifts[earlier] := NULL;
                positions[earlier] := 0;
            END LOOP;
        END IF;
    END LOOP;
END
$$;

-- What becomes of these appends? All that may be written are, as one group.
--
-- For each append: its stream; in `wanted` the revision the stream must be at, -1 for no stream, -2
-- for any, -3 for an existing one; in `starts` how many events stand before its own (and, at the end,
-- how many there are). For each event: in `appends` the place of its append, in `kinds` the place of
-- its kind in `categories` and `types`, and what it holds.
-- `firsts` says for each append where its stream is named first; NULL when none is named twice.
-- Appends with the same number in `together`, which stand side by side and are to different streams,
-- are written all or none; NULL makes each its own. No id may stand twice under one stream. `at_us`
-- is the time to record, NULL for the present.
--
-- Answers for each append where its last event stands, now or since it was first appended. For one
-- that is refused: no position, and the revision its stream is at. For one that is not written
-- because of another: position 0.
CREATE FUNCTION append_each(
    streams text[],
    wanted bigint[],
    starts integer[],
    firsts integer[],
    together integer[],
    categories text[],
    types text[],
    appends integer[],
    kinds integer[],
    ids uuid[],
    datas json[],
    metadatas json[],
    at_us bigint,
    OUT revisions bigint[],
    OUT positions bigint[]
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    head bigint;
    latest_us bigint;
    numbers integer[];
    ends bigint[];  -- the last revision of each append's stream, -1 for no stream
    shifts bigint[];  -- an event's revision less its place; NULL: its append is not written
    jumps bigint[];  -- an event's position less its place
    plain boolean;  -- all are to be written, and no stream is named twice
BEGIN
    -- The answer waits for the disk, whatever the role or the database is set to.
    IF current_setting('synchronous_commit') IN ('off', 'local') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    PERFORM FROM store FOR UPDATE;
    -- From here on nobody else writes, and each statement sees all that was written before.
    SELECT e.position, e.recorded_us INTO head, latest_us
    FROM events AS e ORDER BY e.position DESC LIMIT 1;
    head := coalesce(head, 0);
    at_us := greatest(
        latest_us, coalesce(at_us, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
    );
    SELECT array_agg(k.id ORDER BY n.place) INTO numbers
    FROM unnest(categories, types) WITH ORDINALITY AS n (category, type, place)
    LEFT JOIN kinds AS k ON k.category = n.category AND k.type = n.type;
    IF array_position(numbers, NULL) IS NOT NULL THEN
        numbers := numbers_of(categories, types);
    END IF;
    SELECT
        array_agg(a.at ORDER BY a.place),
        array_agg(a.at - starts[a.place] ORDER BY a.place),
        array_agg(a.at + starts[a.place + 1] - starts[a.place] ORDER BY a.place),
        array_agg(head + starts[a.place + 1] ORDER BY a.place),
        bool_and(
            a.wanted = a.at
            OR (a.wanted = -2 AND a.at = -1)
            OR (a.wanted < -1 AND a.at >= 0 AND NOT EXISTS (
                SELECT FROM events AS e
                WHERE e.id = ids[starts[a.place] + 1] AND e.stream = a.stream
            ))
        )
    INTO ends, shifts, revisions, positions, plain
    FROM (
        SELECT n.stream, n.wanted, n.place, coalesce((
            SELECT e.revision FROM events AS e
            WHERE e.stream = n.stream ORDER BY e.revision DESC LIMIT 1
        ), -1) AS at
        FROM unnest(streams, wanted) WITH ORDINALITY AS n (stream, wanted, place)
    ) AS a;
    IF NOT plain OR firsts IS NOT NULL THEN
        SELECT j.shifts, j.jumps, j.revisions, j.positions
        INTO shifts, jumps, revisions, positions
        FROM judge_each(streams, wanted, starts, firsts, together, ids, ends, head) AS j;
    END IF;
    INSERT INTO events (position, revision, recorded_us, kind, size, id, stream, data, metadata)
    SELECT
        coalesce(jumps[n.append], head) + n.place,
        shifts[n.append] + n.place,
        at_us,
        numbers[n.kind],
        octet_length(n.data::text) + octet_length(n.metadata::text),
        n.id,
        streams[n.append],
        n.data,
        n.metadata
    FROM unnest(appends, kinds, ids, datas, metadatas)
        WITH ORDINALITY AS n (append, kind, id, data, metadata, place)
    WHERE shifts[n.append] IS NOT NULL;
END
$$;

-- What becomes of an append to one stream? As in `append_each`, with fewer questions asked. Waits
-- `patience` milliseconds for others, NULL: as long as `lock_timeout` says.
CREATE FUNCTION append(
    to_stream text,
    wanted bigint,
    types text[],
    kinds integer[],
    ids uuid[],
    datas json[],
    metadatas json[],
    at_us bigint,
    patience integer,
    OUT revision bigint,
    OUT "position" bigint
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    head bigint;
    latest_us bigint;
    actual bigint;
    numbers integer[];
    patience_before text;
BEGIN
    IF current_setting('synchronous_commit') IN ('off', 'local') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    IF patience IS NULL THEN
        PERFORM FROM store FOR UPDATE;
    ELSE
        patience_before := current_setting('lock_timeout');
        PERFORM set_config('lock_timeout', patience::text, true);
        PERFORM FROM store FOR UPDATE;
        PERFORM set_config('lock_timeout', patience_before, true);
    END IF;
    SELECT max(e.revision) INTO actual FROM events AS e WHERE e.stream = to_stream;
    IF coalesce(actual, -1) = wanted OR (wanted = -2 AND actual IS NULL) THEN
        NULL;
    ELSIF wanted > -2 OR actual IS NULL OR EXISTS (
        SELECT FROM events AS e WHERE e.id = ids[1] AND e.stream = to_stream
    ) THEN
        SELECT o.revisions[1], o.positions[1] INTO revision, position
        FROM append_each(
            ARRAY[to_stream], ARRAY[wanted], ARRAY[0, cardinality(ids)], NULL, NULL,
            array_fill(split_part(to_stream, '-', 1), ARRAY[cardinality(types)]), types,
            array_fill(1, ARRAY[cardinality(ids)]), kinds, ids, datas, metadatas, at_us
        ) AS o;
        RETURN;
    END IF;
    SELECT e.position, e.recorded_us INTO head, latest_us
    FROM events AS e ORDER BY e.position DESC LIMIT 1;
    head := coalesce(head, 0);
    at_us := greatest(
        latest_us, coalesce(at_us, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
    );
    SELECT array_agg(k.id ORDER BY n.place) INTO numbers
    FROM unnest(types) WITH ORDINALITY AS n (type, place)
    LEFT JOIN kinds AS k
        ON k.category = split_part(to_stream, '-', 1) AND k.type = n.type;
    IF array_position(numbers, NULL) IS NOT NULL THEN
        numbers := numbers_of(
            array_fill(split_part(to_stream, '-', 1), ARRAY[cardinality(types)]), types
        );
    END IF;
    revision := coalesce(actual, -1);
    INSERT INTO events (position, revision, recorded_us, kind, size, id, stream, data, metadata)
    SELECT
        head + n.place,
        append.revision + n.place,
        at_us,
        numbers[n.kind],
        octet_length(n.data::text) + octet_length(n.metadata::text),
        n.id,
        to_stream,
        n.data,
        n.metadata
    FROM unnest(kinds, ids, datas, metadatas)
        WITH ORDINALITY AS n (kind, id, data, metadata, place);
    revision := revision + cardinality(ids);
    position := head + cardinality(ids);
END
$$;

-- Only those named on purpose may write; see roles.sql.
REVOKE ALL ON FUNCTION
    append, append_each, judge_each, numbers_of, original_of, refuse_change
FROM PUBLIC;
