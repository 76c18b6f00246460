// The parent holds our stdin open. When it is gone, however it went, so are we: nothing may be left running.
"use strict";

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
process.stdin.on("error", () => process.exit(0));
