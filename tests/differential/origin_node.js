// An origin that writes down what Node's HTTP server read: node origin_node.js PORT READINGS.
// A reading is a line of words, all in hex but the version: method, target, minor version, the body
// behind a "=", then name:value for each field.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const http = require('http');

const [port, path] = process.argv.slice(2);
const readings = fs.openSync(path, 'a');
const hex = (text) => Buffer.from(text, 'latin1').toString('hex');
const sha1 = (text) => crypto.createHash('sha1').update(text).digest('hex');

function fieldsOf(request) {
  const fields = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2)
    fields.push(`${hex(request.rawHeaders[i])}:${hex(request.rawHeaders[i + 1])}`);
  return fields;
}

function read(request, answer) {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const body = Buffer.concat(parts).toString('hex');
    const words = [hex(request.method), hex(request.url), request.httpVersionMinor, `=${body}`];
    const line = [...words, ...fieldsOf(request)].join(' ');
    fs.writeSync(readings, `${line}\n`);
    answer.statusCode = 201; // nobody else answers so
    answer.setHeader('X-Reading', sha1(line));
    answer.setHeader('Content-Length', 3);
    answer.end('ok\n');
  });
}

const server = http.createServer({ keepAliveTimeout: 300000, maxHeaderSize: 65536 }, read);
server.on('checkExpectation', read); // what it does not know is not refused
server.listen(Number(port), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
