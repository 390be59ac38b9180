// An echo server on node's net. Usage: node node.js
'use strict';

const server = require('net').createServer({ noDelay: true }, (client) => {
  client.on('data', (data) => client.write(data));
  client.on('error', () => client.destroy());
});
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => console.log(server.address().port));
process.on('SIGTERM', () => process.exit(0));
