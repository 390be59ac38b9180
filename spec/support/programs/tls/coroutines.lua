-- A coroutine for each client, on the scheduler, in the manner of copas and of xavante: a client asks again and again.

require("spec.support.programs.tls.scheduler").run(arg[1], math.huge)
