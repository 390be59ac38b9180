-- The same in the manner of pegasus under copas: a client asks once, and its connection is closed behind the answer.

require("spec.support.programs.tls.scheduler").run(arg[1], 1)
