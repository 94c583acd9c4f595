-- A store of schema version 2, empty, as PostgreSQL 16 dumps it.

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA old_store;
CREATE FUNCTION old_store.append(to_stream text, wanted bigint, types text[], kinds integer[], ids uuid[], datas json[], metadatas json[], at_us bigint, patience integer, OUT revision bigint, OUT "position" bigint) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'old_store', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
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
CREATE FUNCTION old_store.append_each(streams text[], wanted bigint[], starts integer[], firsts integer[], together integer[], categories text[], types text[], appends integer[], kinds integer[], ids uuid[], datas json[], metadatas json[], at_us bigint, OUT revisions bigint[], OUT positions bigint[]) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'old_store', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
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
CREATE FUNCTION old_store.erase(of_stream text, before bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'old_store', 'pg_temp'
    AS $$
DECLARE
    gone bigint;
BEGIN
    IF current_setting('synchronous_commit') IN ('off', 'local') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    PERFORM FROM store FOR UPDATE;
    PERFORM set_config('backstory.erasing', 'on', true);
    DELETE FROM events AS e
    WHERE e.stream = of_stream AND e.revision < before
        AND e.revision < (SELECT max(l.revision) FROM events AS l WHERE l.stream = of_stream);
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('backstory.erasing', '', true);
    IF gone > 0 THEN
        INSERT INTO erased AS r (stream, events) VALUES (of_stream, gone)
        ON CONFLICT (stream) DO UPDATE SET events = r.events + excluded.events;
    END IF;
    RETURN gone;
END
$$;
CREATE FUNCTION old_store.judge_each(streams text[], wanted bigint[], starts integer[], firsts integer[], together integer[], ids uuid[], ends bigint[], head bigint, OUT shifts bigint[], OUT jumps bigint[], OUT revisions bigint[], OUT positions bigint[]) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'old_store', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
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
CREATE FUNCTION old_store.numbers_of(categories text[], types text[]) RETURNS integer[]
    LANGUAGE plpgsql
    SET search_path TO 'old_store', 'pg_temp'
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
CREATE FUNCTION old_store.original_of(in_stream text, wanted bigint, actual bigint, ids uuid[]) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'old_store', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
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
CREATE FUNCTION old_store.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'old_store', 'pg_temp'
    AS $$
BEGIN
    IF tg_op = 'DELETE' AND tg_table_name = 'events'
        AND current_setting('backstory.erasing', true) = 'on'
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'what is in % is a fact: it is never updated or deleted', tg_table_name
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE FUNCTION old_store.tombstone(of_stream text, wanted bigint, event_id uuid, at_us bigint, OUT revision bigint, OUT "position" bigint) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'old_store', 'pg_temp'
    AS $_$
DECLARE
    last constant bigint := 9223372036854775807;
    latest_us bigint;
    head bigint;
    kind integer;
BEGIN
    IF current_setting('synchronous_commit') IN ('off', 'local') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    PERFORM FROM store FOR UPDATE;
    SELECT max(e.revision) INTO revision FROM events AS e WHERE e.stream = of_stream;
    IF revision = last
        OR (wanted >= 0 AND revision IS DISTINCT FROM wanted)
        OR (wanted = -1 AND revision IS NOT NULL)
        OR (wanted = -3 AND revision IS NULL)
    THEN
        RETURN;
    END IF;
    SELECT e.position, e.recorded_us INTO head, latest_us
    FROM events AS e ORDER BY e.position DESC LIMIT 1;
    at_us := greatest(
        latest_us, coalesce(at_us, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
    );
    kind := (numbers_of(ARRAY[split_part(of_stream, '-', 1)], ARRAY['$streamDeleted']))[1];
    revision := last;
    position := coalesce(head, 0) + 1;
    INSERT INTO events (position, revision, recorded_us, kind, size, id, stream, data, metadata)
    VALUES (position, last, at_us, kind, 4, event_id, of_stream, '{}', '{}');
END
$_$;
CREATE TABLE old_store.erased (
    stream text NOT NULL COLLATE pg_catalog."C",
    events bigint NOT NULL,
    CONSTRAINT erased_events_check CHECK ((events > 0))
);
CREATE TABLE old_store.events (
    "position" bigint NOT NULL,
    revision bigint NOT NULL,
    recorded_us bigint NOT NULL,
    kind integer NOT NULL,
    size integer NOT NULL,
    id uuid NOT NULL,
    stream text NOT NULL COLLATE pg_catalog."C",
    data json NOT NULL,
    metadata json NOT NULL
);
CREATE TABLE old_store.kinds (
    id integer NOT NULL,
    category text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL COLLATE pg_catalog."C"
);
ALTER TABLE old_store.kinds ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME old_store.kinds_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW old_store.log AS
 SELECT e."position",
    e.stream,
    e.revision,
    k.type,
    to_timestamp((((e.recorded_us)::numeric / '1000000'::numeric))::double precision) AS recorded_at,
    e.data,
    e.metadata,
    e.id
   FROM (old_store.events e
     JOIN old_store.kinds k ON ((k.id = e.kind)));
CREATE TABLE old_store.store (
    single boolean DEFAULT true NOT NULL,
    version integer NOT NULL,
    CONSTRAINT store_single_check CHECK (single)
);
INSERT INTO old_store.store VALUES
	(true, 2);
SELECT pg_catalog.setval('old_store.kinds_id_seq', 1, false);
ALTER TABLE ONLY old_store.erased
    ADD CONSTRAINT erased_pkey PRIMARY KEY (stream);
ALTER TABLE ONLY old_store.events
    ADD CONSTRAINT events_pkey PRIMARY KEY ("position");
ALTER TABLE ONLY old_store.kinds
    ADD CONSTRAINT kinds_category_type_key UNIQUE (category, type);
ALTER TABLE ONLY old_store.kinds
    ADD CONSTRAINT kinds_pkey PRIMARY KEY (id);
ALTER TABLE ONLY old_store.store
    ADD CONSTRAINT store_pkey PRIMARY KEY (single);
CREATE INDEX events_by_id ON old_store.events USING btree (id);
CREATE INDEX events_by_kind ON old_store.events USING btree (kind, "position");
CREATE UNIQUE INDEX events_by_stream ON old_store.events USING btree (stream, revision);
CREATE INDEX kinds_by_type ON old_store.kinds USING btree (type);
CREATE TRIGGER events_never_change BEFORE DELETE OR UPDATE OR TRUNCATE ON old_store.events FOR EACH STATEMENT EXECUTE FUNCTION old_store.refuse_change();
CREATE TRIGGER kinds_never_change BEFORE DELETE OR UPDATE OR TRUNCATE ON old_store.kinds FOR EACH STATEMENT EXECUTE FUNCTION old_store.refuse_change();
REVOKE ALL ON FUNCTION old_store.append(to_stream text, wanted bigint, types text[], kinds integer[], ids uuid[], datas json[], metadatas json[], at_us bigint, patience integer, OUT revision bigint, OUT "position" bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION old_store.append_each(streams text[], wanted bigint[], starts integer[], firsts integer[], together integer[], categories text[], types text[], appends integer[], kinds integer[], ids uuid[], datas json[], metadatas json[], at_us bigint, OUT revisions bigint[], OUT positions bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION old_store.erase(of_stream text, before bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION old_store.judge_each(streams text[], wanted bigint[], starts integer[], firsts integer[], together integer[], ids uuid[], ends bigint[], head bigint, OUT shifts bigint[], OUT jumps bigint[], OUT revisions bigint[], OUT positions bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION old_store.numbers_of(categories text[], types text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION old_store.original_of(in_stream text, wanted bigint, actual bigint, ids uuid[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION old_store.refuse_change() FROM PUBLIC;
REVOKE ALL ON FUNCTION old_store.tombstone(of_stream text, wanted bigint, event_id uuid, at_us bigint, OUT revision bigint, OUT "position" bigint) FROM PUBLIC;
