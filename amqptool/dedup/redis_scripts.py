"""What the Redis store has the server do: each script is one atomic step over a whole batch.

A row is the text `STATE ATTEMPT UNTIL TOKEN OWNER`, UNTIL in milliseconds since the epoch, and it expires
when it may be forgotten. The first argument is the time, or nothing for the server's.
"""

from __future__ import annotations

_NOW = """
local now = tonumber(ARGV[1])
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local answers = {}
"""

# The new claim: the arguments 2 to 5 are the lease, the retention, the token and the owner.
_TAKE = """
local function take(key, attempt)
    local lease_until = string.format('%.0f', now + ARGV[2])
    redis.call('SET', key, table.concat({'1', attempt, lease_until, ARGV[4], ARGV[5]}, ' '), 'PX', ARGV[2] + ARGV[3])
    return tonumber(attempt)
end
"""

#: Claim keys; answers the attempt where it worked, 0 where it is done, the row where somebody is at it.
CLAIM = f"""
{_NOW}{_TAKE}
for index, key in ipairs(KEYS) do
    local row = redis.call('GET', key)
    local state, attempt, lease_until = string.match(row or '3 1 0', '^(%d) (%d+) (%d+)')
    if state == '2' then
        answers[index] = 0
    elseif state == '1' and tonumber(lease_until) > now then
        answers[index] = row
    else
        answers[index] = take(key, attempt)
    end
end
return answers
"""

#: Claim keys whose rows, the further arguments, are still the same; answers the attempt, or 0.
TAKE_OVER = f"""
{_NOW}{_TAKE}
for index, key in ipairs(KEYS) do
    local row = redis.call('GET', key)
    answers[index] = 0
    if row == ARGV[5 + index] then
        answers[index] = take(key, string.match(row, '^%d (%d+)'))
    end
end
return answers
"""

#: Give claimed rows the state of argument 2, until argument 3 from now, to expire after argument 4; no state
#: deletes. The further arguments are token and attempt of each. Answers 1 where it worked or had worked, or 0.
WRITE = f"""
{_NOW}
local new_state, lifetime, expiry = ARGV[2], ARGV[3], ARGV[4]
local new_until = string.format('%.0f', now + lifetime)
for index, key in ipairs(KEYS) do
    local token, attempt = ARGV[3 + 2 * index], ARGV[4 + 2 * index]
    local state, held_by, owner = string.match(redis.call('GET', key) or '', '^(%d) %d+ %d+ (%S+) (.*)$')
    answers[index] = 0
    if held_by == token and state == '1' then
        answers[index] = 1
        if new_state == '' then
            redis.call('DEL', key)
        else
            redis.call('SET', key, table.concat({{new_state, attempt, new_until, token, owner}}, ' '), 'PX', expiry)
        end
    elseif held_by == token and state == '2' and new_state == '2' then
        answers[index] = 1
    end
end
return answers
"""

#: Delete rows that are still the same as the arguments; answers 1 where it worked, or 0.
FORGET = """
local answers = {}
for index, key in ipairs(KEYS) do
    answers[index] = redis.call('GET', key) == ARGV[index] and redis.call('DEL', key) or 0
end
return answers
"""
