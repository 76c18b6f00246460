// Serves @vercel/cosmosdb-server on the listening socket that is descriptor LOCAL_COSMOS_FD, with connections kept alive
// (its own command line closes each one).
"use strict";

const { createHttpServer } = require("@vercel/cosmosdb-server");

const server = createHttpServer({ keepAlive: true });
server.keepAliveTimeout = 0;
server.listen({ fd: Number(process.env.LOCAL_COSMOS_FD) });

require("./leave_with_parent");
