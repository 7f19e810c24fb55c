"""What the PostgreSQL store says to its server: each statement does a whole batch, in one round trip.

A key is the number of its scope, in four bytes, and the id: in one column, so that the planner knows without
statistics that there is one row for each. Scopes and owners have numbers of their own; names are kept as bytes,
since text of PostgreSQL cannot hold every scope. The name of an owner goes when that has claimed nothing for long; to
rows that still have it, it is then a process of which nothing is known. No column that an UPDATE writes is in an index,
and half of each page is free for it: thus the indexes are left as they are (HOT). The states are those of
`interface.State`.

No two calls wait for each other in a circle: each makes its new rows first, and then changes rows that are there, both
in the order of the keys. An INSERT waits for whoever changes a row of its key; a change waits for no INSERT, whose row
it cannot see yet. Rows under the caller's own claims are no exception: a statement that began when they were free locks
them before it sees that they are not.
"""

from __future__ import annotations

SCHEMA_VERSION = 3
#: Marks the table as ours, and tells the version of its schema.
MARK = "amqptool dedup store, schema version "
#: An arbitrary number: whoever makes the table holds this advisory lock.
CREATION_LOCK = 0x616D7164

CREATE = f"""
CREATE TABLE amqptool_dedup_name (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name bytea NOT NULL UNIQUE
);
CREATE TABLE amqptool_dedup_owner (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name bytea NOT NULL UNIQUE,
    used double precision NOT NULL
);
CREATE INDEX amqptool_dedup_owner_used ON amqptool_dedup_owner (used);
CREATE TABLE amqptool_dedup (
    key bytea PRIMARY KEY,
    since double precision NOT NULL,
    until double precision NOT NULL,
    attempt integer NOT NULL,
    owner integer NOT NULL,
    state smallint NOT NULL,
    token bytea NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX amqptool_dedup_since ON amqptool_dedup (since);
COMMENT ON TABLE amqptool_dedup IS '{MARK}{SCHEMA_VERSION}';
"""
# Not to_regclass: what it found out before another process made the table would still count after.
IDENTIFY = """
SELECT obj_description(oid, 'pg_class') FROM pg_class WHERE relname = 'amqptool_dedup' AND pg_table_is_visible(oid)
"""
LOCK_CREATION = "SELECT pg_advisory_xact_lock(%(lock)s)"

#: Each commit waits for the disk; the server may be set to more than that.
WITH_DISK = """
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""

#: A batch is found by the index, however little the planner thinks there is in the table, and row by row, in the order
#: in which these are to be locked.
BY_INDEX = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"

_NOW = "coalesce(%(now)s::float8, date_part('epoch', statement_timestamp()))"

ADD_NAME = """
INSERT INTO amqptool_dedup_name (name) SELECT %(name)b WHERE NOT EXISTS (
    SELECT FROM amqptool_dedup_name WHERE name = %(name)b
) ON CONFLICT DO NOTHING
"""
NUMBER = "SELECT number FROM amqptool_dedup_name WHERE name = %(name)b"
#: Tell an owner its number; of the numbers of names that went, none is ever given again.
USE_OWNER = f"""
INSERT INTO amqptool_dedup_owner (name, used) VALUES (%(name)b, {_NOW})
ON CONFLICT (name) DO UPDATE SET used = excluded.used
RETURNING number
"""
PRUNE_OWNERS = f"""
DELETE FROM amqptool_dedup_owner WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM amqptool_dedup_owner WHERE used < {_NOW} - %(seconds)s FOR UPDATE SKIP LOCKED
))
"""

#: Claim keys that nobody has claimed before.
CLAIM = f"""
INSERT INTO amqptool_dedup (key, since, until, attempt, owner, state, token)
SELECT key, {_NOW}, {_NOW} + %(lease)s, 1, %(owner)s, 1, %(token)b
FROM unnest(%(wanted)b::bytea[]) AS wanted (key) ORDER BY key
ON CONFLICT DO NOTHING
"""
LOOK = f"""
SELECT key, state, token, coalesce(name, ''), until, attempt, {_NOW}
FROM unnest(%(keys)b::bytea[]) AS wanted (key)
JOIN amqptool_dedup USING (key) LEFT JOIN amqptool_dedup_owner ON number = owner
"""
FIND = """
SELECT scope.name, state, token, coalesce(owners.name, ''), until, attempt
FROM amqptool_dedup_name AS scope
JOIN amqptool_dedup ON key = int4send(scope.number) || %(id)b
LEFT JOIN amqptool_dedup_owner AS owners ON owners.number = owner
ORDER BY scope.name
"""
COUNT = """
SELECT name, count(*) FILTER (WHERE state = 1), count(*) FILTER (WHERE state = 2), count(*) FILTER (WHERE state = 3)
FROM amqptool_dedup JOIN amqptool_dedup_name ON int4send(number) = substring(key FROM 1 FOR 4)
GROUP BY name ORDER BY name
"""

# The rows that are held under the caller's claims, in the order in which they are to be locked.
_CLAIMS = """(
    SELECT * FROM unnest(%(keys)b::bytea[], %(tokens)b::bytea[], %(attempts)s::int[]) AS claim (key, token, attempt)
    ORDER BY key
) AS claim"""
# In one condition, of which the planner knows nothing: from statistics of a minute ago it would take it that no row is
# claimed, and compare each that is with each of the batch.
_ARE_OWN = "message.key = claim.key AND CASE WHEN message.state = 1 THEN message.token = claim.token ELSE false END"

#: Give claimed rows another state.
WRITE = f"""
UPDATE amqptool_dedup AS message SET state = %(state)s, until = {_NOW} + %(seconds)s, attempt = claim.attempt
FROM {_CLAIMS} WHERE {_ARE_OWN}
"""
#: Both at once, and wait for the disk once. `written` asks for `claimed`, and so comes after it.
WRITE_AND_CLAIM = f"""
WITH claimed AS ({CLAIM} RETURNING 1), written AS ({WRITE} AND (SELECT count(*) FROM claimed) >= 0 RETURNING 1)
SELECT (SELECT count(*) FROM written), (SELECT count(*) FROM claimed)
"""
DISCARD = f"DELETE FROM amqptool_dedup AS message USING {_CLAIMS} WHERE {_ARE_OWN}"
DONE = """
SELECT key, token FROM unnest(%(keys)b::bytea[], %(tokens)b::bytea[]) AS claim (key, token)
JOIN amqptool_dedup USING (key, token) WHERE state = 2
"""

# The rows that are still the same as when they were looked at.
_SAME = """
WITH same AS (
    SELECT key
    FROM unnest(%(keys)b::bytea[], %(states)s::int[], %(tokens)b::bytea[], %(attempts)s::int[])
        AS seen (key, state, token, attempt)
    JOIN amqptool_dedup AS message USING (key, state, token, attempt)
    ORDER BY key
    FOR UPDATE OF message
)
"""
TAKE_OVER = f"""
{_SAME}
UPDATE amqptool_dedup AS message SET state = 1, token = %(token)b, owner = %(owner)s, until = {_NOW} + %(lease)s
FROM same WHERE same.key = message.key
RETURNING message.key
"""
FORGET = f"{_SAME} DELETE FROM amqptool_dedup AS message USING same WHERE same.key = message.key RETURNING message.key"
# What may be forgotten was claimed before the retention began.
PRUNE = f"""
DELETE FROM amqptool_dedup WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM amqptool_dedup
    WHERE since < {_NOW} - %(retention)s AND until < {_NOW} AND (state <> 1 OR until < {_NOW} - %(retention)s)
    ORDER BY since LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
))
"""
