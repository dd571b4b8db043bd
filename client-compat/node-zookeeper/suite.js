// The program of the suite: suite.js CONNECT.

"use strict";

const Client = require("./client.js");
const { main } = require("../lib/node/questions.js");

main("node-zookeeper", Client, [
    require("../lib/node/basics.js")(Client.can),
    require("../lib/node/rights.js")(Client.can),
    require("../lib/node/watches.js")(Client.can),
    require("../lib/node/sessions.js")(Client.can),
    ...require("../lib/node/failover.js")(),
]);
