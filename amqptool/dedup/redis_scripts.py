"""What the Redis store has the server do: each script is one atomic step over a whole batch.

A row is the text `STATE TOKEN ATTEMPT UNTIL OWNER`, UNTIL in milliseconds since the epoch, and it expires
when it may be forgotten. The first argument is the time, or nothing for the server's. Answered is what is
out of the ordinary alone, by the positions of the keys, from 1.
"""

from __future__ import annotations

_NOW = """
local now = tonumber(ARGV[1])
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function row_of(state, token, attempt, seconds_left, owner)
    return table.concat({state, token, attempt, string.format('%.0f', now + seconds_left), owner}, ' ')
end
"""

#: Claim keys that nobody has claimed before. The arguments 2 to 5 are the lease, the time to expire, the token and the
#: owner. Answers the time, and then the position and the row of each key that is known.
CLAIM = f"""
{_NOW}
local row = row_of('1', ARGV[4], '1', ARGV[2], ARGV[5])
local answers = {{now}}
for position, key in ipairs(KEYS) do
    if not redis.call('SET', key, row, 'NX', 'PX', ARGV[3]) then
        table.insert(answers, position)
        table.insert(answers, redis.call('GET', key))
    end
end
return answers
"""

#: Claim keys whose rows are still the same. After the arguments of a claim come the row and the attempt of each key.
#: Answers which have another row.
TAKE_OVER = f"""
{_NOW}
local changed = {{}}
for position, key in ipairs(KEYS) do
    local seen, attempt = ARGV[4 + 2 * position], ARGV[5 + 2 * position]
    if redis.call('GET', key) == seen then
        redis.call('SET', key, row_of('1', ARGV[4], attempt, ARGV[2], ARGV[5]), 'PX', ARGV[3])
    else
        table.insert(changed, position)
    end
end
return changed
"""

#: Give claimed rows the state of argument 2, until argument 3 from now, to expire after argument 4, under the owner of
#: argument 5; no state deletes. Then follow token, attempt and number of the claims that share them, in the order of
#: the keys. Answers which rows are no longer under their tokens; what is done and was to be is not among them.
WRITE = f"""
{_NOW}
local lost = {{}}
local position = 0
for argument = 6, #ARGV, 3 do
    local token, attempt, number = ARGV[argument], ARGV[argument + 1], ARGV[argument + 2]
    local claimed, done = '1 ' .. token .. ' ', '2 ' .. token .. ' '
    local row = row_of(ARGV[2], token, attempt, ARGV[3], ARGV[5])
    for _ = 1, number do
        position = position + 1
        local key = KEYS[position]
        local found = string.sub(redis.call('GET', key) or '', 1, #claimed)
        if found ~= claimed then
            if found ~= done or ARGV[2] ~= '2' then
                table.insert(lost, position)
            end
        elseif ARGV[2] == '' then
            redis.call('DEL', key)
        else
            redis.call('SET', key, row, 'PX', ARGV[4])
        end
    end
end
return lost
"""

#: Delete rows that are still the same as the arguments; answers 1 where it worked, or 0.
FORGET = """
local answers = {}
for index, key in ipairs(KEYS) do
    answers[index] = redis.call('GET', key) == ARGV[index] and redis.call('DEL', key) or 0
end
return answers
"""
