// Keep-alive HTTP on node. Usage: node node_http.js
'use strict';

const server = require('http').createServer((request, response) => {
  response.setHeader('Content-Type', 'text/plain');
  response.end('hello world\n');
});
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => console.log(`127.0.0.1:${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
