"""What the PostgreSQL store says to its server: each statement does a whole batch, in one round trip.

Names are kept as bytes: text of PostgreSQL cannot hold every scope, and bytes compare faster. Rows are locked
in the order of their keys, so that two workers never wait for each other. The states are those of
`interface.State`.
"""

from __future__ import annotations

SCHEMA_VERSION = 1
#: Marks the table as ours, and tells the version of its schema.
MARK = "amqptool dedup store, schema version "
#: An arbitrary number: whoever makes the table holds this advisory lock.
CREATION_LOCK = 0x616D7164

CREATE = f"""
CREATE TABLE amqptool_dedup (
    scope bytea NOT NULL,
    id bytea NOT NULL,
    state smallint NOT NULL,
    token text NOT NULL,
    owner text NOT NULL,
    until double precision NOT NULL,
    attempt integer NOT NULL,
    PRIMARY KEY (scope, id)
);
CREATE INDEX amqptool_dedup_until ON amqptool_dedup (until);
COMMENT ON TABLE amqptool_dedup IS '{MARK}{SCHEMA_VERSION}';
"""
# Not to_regclass: what it found out before another process made the table would still count after.
IDENTIFY = """
SELECT obj_description(oid, 'pg_class') FROM pg_class WHERE relname = 'amqptool_dedup' AND pg_table_is_visible(oid)
"""
LOCK_CREATION = "SELECT pg_advisory_xact_lock(%(lock)s)"

#: Claims need not wait for the disk; DONE must, though the server may be set to more than that.
WITHOUT_DISK = "SELECT set_config('synchronous_commit', 'off', false)"
WITH_DISK = """
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""

_NOW = "coalesce(%(now)s::float8, date_part('epoch', statement_timestamp()))"
_WANTED = "unnest(%(scopes)b::bytea[], %(ids)b::bytea[]) AS wanted (scope, id)"

CLAIM = f"""
INSERT INTO amqptool_dedup AS message (scope, id, state, token, owner, until, attempt)
SELECT scope, id, 1, %(token)s, %(owner)s, {_NOW} + %(lease)s, 1 FROM {_WANTED} ORDER BY scope, id
ON CONFLICT (scope, id) DO UPDATE
SET state = 1, token = excluded.token, owner = excluded.owner, until = excluded.until
WHERE message.state = 3 OR message.state = 1 AND message.until <= {_NOW}
RETURNING scope, id, attempt
"""
LOOK = f"""
SELECT scope, id, state, token, owner, until, attempt, {_NOW} FROM {_WANTED} JOIN amqptool_dedup USING (scope, id)
"""
# From scope to scope by the primary key: nothing else is read, however many ids there are.
FIND = """
WITH RECURSIVE known AS (
    (SELECT scope FROM amqptool_dedup ORDER BY scope LIMIT 1)
    UNION ALL
    SELECT next.scope FROM known, LATERAL (
        SELECT scope FROM amqptool_dedup WHERE scope > known.scope ORDER BY scope LIMIT 1
    ) AS next
)
SELECT scope, state, token, owner, until, attempt
FROM known JOIN amqptool_dedup USING (scope) WHERE id = %(id)b ORDER BY scope
"""
COUNT = """
SELECT scope, count(*) FILTER (WHERE state = 1), count(*) FILTER (WHERE state = 2), count(*) FILTER (WHERE state = 3)
FROM amqptool_dedup GROUP BY scope ORDER BY scope
"""

# The rows that the caller's tokens prove to be its own, locked in order.
_OWN = """
WITH own AS (
    SELECT message.scope, message.id, message.state, message.token, claim.attempt
    FROM unnest(%(scopes)b::bytea[], %(ids)b::bytea[], %(tokens)s::text[], %(attempts)s::int[])
        AS claim (scope, id, token, attempt)
    JOIN amqptool_dedup AS message USING (scope, id, token)
    WHERE message.state IN (1, %(state)s)
    ORDER BY message.scope, message.id
    FOR UPDATE OF message
)
"""
_OF_OWN = "own.scope = message.scope AND own.id = message.id AND own.state = 1"

#: Give claimed rows another state; answers what has that state now by the caller's token, and what state it had.
WRITE = f"""
{_OWN}, written AS (
    UPDATE amqptool_dedup AS message SET state = %(state)s, until = {_NOW} + %(seconds)s, attempt = own.attempt
    FROM own WHERE {_OF_OWN}
)
SELECT scope, id, token, state FROM own
"""
DISCARD = f"{_OWN} DELETE FROM amqptool_dedup AS message USING own WHERE {_OF_OWN}"

# The rows that are still the same as when they were looked at.
_SAME = """
WITH same AS (
    SELECT scope, id
    FROM unnest(%(scopes)b::bytea[], %(ids)b::bytea[], %(states)s::int[], %(seen_tokens)s::text[])
        AS seen (scope, id, state, token)
    JOIN amqptool_dedup AS message USING (scope, id, state, token)
    ORDER BY scope, id
    FOR UPDATE OF message
)
"""
TAKE_OVER = f"""
{_SAME}
UPDATE amqptool_dedup AS message SET token = %(token)s, owner = %(owner)s, until = {_NOW} + %(lease)s
FROM same WHERE same.scope = message.scope AND same.id = message.id
RETURNING message.scope, message.id, attempt
"""
FORGET = f"""
{_SAME}
DELETE FROM amqptool_dedup AS message USING same WHERE same.scope = message.scope AND same.id = message.id
RETURNING message.scope, message.id
"""
PRUNE = f"""
DELETE FROM amqptool_dedup WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM amqptool_dedup
    WHERE until < {_NOW} AND (state <> 1 OR until < {_NOW} - %(retention)s)
    ORDER BY until LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
))
"""
