// Serves @vercel/cosmosdb-server on the port in LOCAL_COSMOS_PORT, loopback only, with connections kept alive
// (its own command line closes each one).
"use strict";

const { createHttpServer } = require("@vercel/cosmosdb-server");

const server = createHttpServer({ keepAlive: true });
server.keepAliveTimeout = 0;
server.listen(Number(process.env.LOCAL_COSMOS_PORT), "127.0.0.1");

require("./leave_with_parent");
