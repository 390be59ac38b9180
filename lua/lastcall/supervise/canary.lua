--- The canary of a reload: one worker of the new generation serves beside the old ones for a while, and is compared
-- with them. Only then come the others.
--
--     starts --it proves itself, as in any reload--> serves beside the old ones --the time is over--> compared --> kept
--        |                                                  |                                            |
--        '--------------------------------------------------+-- ends, tells no figures, fails more often-'--> given up
--
-- It takes the place of no old worker: those stay as they are until it is kept. A failure is an error that no code of
-- the script's has caught, or a reply of HTTP with a status of 500 or more; of an old worker also its end.

local core = require "lastcall.core"

local canary = {}

local LOOK_EVERY = 1    -- seconds between two looks at the figures
local ANSWER_WITHIN = 2 -- seconds for the workers to tell them
local CERTAIN = 10      -- failures more than it may have: nobody else is to meet them
local SHARE = 20        -- clients of each old worker, on the average, when it should have had one

local DEFAULTS = { least = 0, tolerance = 0 }

--- The options of a canary, as a script gives them; nil when there is to be none.
function canary.options(given)
  local seconds = given
  if type(given) == "table" then seconds = given.seconds or 30 end
  if not seconds or seconds == 0 then return nil end
  return setmetatable({ seconds = seconds }, { __index = function(_, name)
    local own = type(given) == "table" and given[name] or nil
    return own or DEFAULTS[name]
  end })
end

-- ------------------------------------------------------------------------------------------------- the comparison --

--- A worker, and its figures by now.
local function mark(worker) return { worker = worker, before = worker.figures:since(nil) } end

--- What workers have done since they were marked. Requests on kept connections count, and connections without any.
local function sum(marks)
  local done = { served = 0, accepted = 0, failed = 0, errors = 0, replies_5xx = 0, ended = 0, workers = #marks }
  for _, one in ipairs(marks) do
    local figures = one.worker.figures:since(one.before)
    done.served = done.served + math.max(figures.accepted, figures.requests)
    done.accepted = done.accepted + figures.accepted
    done.errors = done.errors + figures.errors
    done.replies_5xx = done.replies_5xx + figures.replies_5xx
    done.failed = done.failed + math.max(figures.errors, figures.replies_5xx) -- an error is answered with 500
    if one.worker.failed then done.ended = done.ended + 1 end
  end
  done.failed = done.failed + done.ended
  return done
end

--- How many failures the canary may have: as many as the old workers would have had with its clients, and three
-- standard deviations of the chance in both counts.
local function allowed(own, old, tolerance)
  local share = old.served > 0 and own.served / old.served or 1 / math.max(1, old.workers)
  local expected = old.failed * share
  return expected + 3 * math.sqrt(expected * (1 + share)) + tolerance
end

local function tell(one)
  local text = ("served %d, failed %d"):format(one.served, one.failed)
  if one.failed == 0 then return text end
  return ("%s (%d errors, %d replies of 5xx%s)"):format(text, one.errors, one.replies_5xx,
    one.ended > 0 and (", %d ended badly"):format(one.ended) or "")
end

local function tell_both(trial)
  return ("in %.3g s it %s; the old workers %s"):format(core.now() - trial.began, tell(sum(trial.own)),
    tell(sum(trial.old)))
end

--- Why the canary is not as good as the old workers; nil when it is.
local function verdict(trial)
  local own, old, wanted = sum(trial.own), sum(trial.old), trial.wanted
  local most = allowed(own, old, wanted.tolerance)
  if own.failed > most then
    return ("fails more often than they do; at most %.1f failures would pass"):format(most)
  end
  if own.served < wanted.least then
    return ("has served %d, and %d are needed to judge it"):format(own.served, wanted.least)
  end
  if own.served == 0 and old.workers > 0 and old.accepted >= SHARE * old.workers then return "gets no client" end
end

-- ------------------------------------------------------------------------------------------------------- the wait --

local function is_certain(trial)
  local own = sum(trial.own)
  return own.failed >= allowed(own, sum(trial.old), trial.wanted.tolerance) + CERTAIN
end

--- Tells those who have asked for the reload how it goes.
local function tell_progress(trial, left)
  for _, fn in ipairs(trial.progress) do
    local text = ("%.0f s left: %s"):format(left, tell_both(trial))
    local fine, problem = pcall(fn, text)
    if not fine then trial.master.log("warning", "a reload's progress function raises", { problem = problem }) end
  end
end

--- Waits at most `seconds`. Returns why the canary cannot go on; nil when it can.
local function wait(trial, seconds)
  local deadline = core.now() + seconds
  repeat
    local reason = trial.generation:failure()
    if reason then return reason end
    trial.master:wait_change(math.max(0, deadline - core.now()))
  until core.now() >= deadline
  return trial.generation:failure()
end

--- Fresh figures of all. Returns what is wrong with the canary.
local function ask(trial)
  local asked, own = core.now(), trial.own[1].worker
  trial.master:ask_all(ANSWER_WITHIN)
  local reason = trial.generation:failure()
  if reason then return reason end
  if not own.facts_at or own.facts_at < asked then
    return own:with_last_words(("does not tell its figures within %g s"):format(ANSWER_WITHIN))
  end
end

--- Lets the canary serve for its time. Returns why it is to be given up; nil when it is as good as the others.
local function watch(trial)
  local until_when = trial.began + trial.wanted.seconds
  while core.now() < until_when and not is_certain(trial) do
    local reason = wait(trial, math.min(LOOK_EVERY, until_when - core.now())) or ask(trial)
    if reason then return reason end
    tell_progress(trial, math.max(0, until_when - core.now()))
  end
  local reason = verdict(trial)
  return reason and trial.own[1].worker:with_last_words(reason)
end

--- Lets the canary accept clients, beside the old workers as they are now.
local function begin(trial)
  local master, one = trial.master, trial.own[1].worker
  trial.own[1], trial.began = mark(one), core.now()
  for i, other in ipairs(master.places) do trial.old[i] = mark(other) end
  one.is_canary = true
  trial.generation:go()
  master.log("info", "a canary serves",
    { worker = one.index, pid = one.pid, generation = one.generation, seconds = trial.wanted.seconds })
  master:changed()
end

--- Starts the canary of a generation, and returns true when the others may follow; or nil. The second result is the
-- reason, or what there is to say, with the figures. The caller ends a canary that has failed.
function canary.try(master, new, asked)
  local one = new:launch(1)
  local fine, reason = new:prove()
  if not fine then return nil, reason end
  local trial = {
    master = master, generation = new, wanted = asked.canary, progress = asked.progress, began = core.now(),
    own = { mark(one) }, old = {},
  }
  reason = ask(trial)
  if not reason then
    begin(trial)
    reason = watch(trial)
    one.is_canary = nil
  end
  if master:is_stopping() then return nil, reason end
  local figures = tell_both(trial)
  if reason then return nil, ("the canary is given up: %s: %s"):format(figures, reason) end
  return true, "the canary is kept: " .. figures
end

return canary
