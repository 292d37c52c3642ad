// Requests: a right one, then one to three oddities, then, now and then, damaged bytes.
'use strict';

const { Random } = require('./random.js');
const { mild, wild } = require('./oddities.js');

function plainRequest(random) {
  const request = {
    before: '',
    method: random.pick(['GET', 'GET', 'GET', 'POST', 'PUT']),
    space: ' ',
    scheme: 'http://',
    userinfo: '',
    host: '127.0.0.1:@PORT',
    path: '/' + random.pick(['', 'a', 'a/b?c=d', 'index.html', 'x%20y']),
    target: null, // all of it, instead of its parts
    version: 'HTTP/1.1',
    lineEnd: '\r\n',
    fields: [
      ['Host', ': ', '127.0.0.1:@PORT', '\r\n'],
      ['User-Agent', ': ', 'odd/1', '\r\n'],
      ['Accept', ': ', '*/*', '\r\n'],
    ],
    headEnd: '\r\n',
    body: '',
    followers: 0,
  };
  if (request.method !== 'GET') {
    request.fields.push(['Content-Length', ': ', '5', '\r\n']);
    request.body = 'hello';
  }
  return request;
}

function write(request) {
  const target =
    request.target ?? request.scheme + request.userinfo + request.host + request.path;
  const line = request.method + request.space + target + request.space + request.version;
  const fields = request.fields.map((field) => field.join('')).join('');
  return request.before + line + request.lineEnd + fields + request.headEnd + request.body;
}

const oddBytes = ['\0', '\r', '\n', ' ', '\t', ':', ',', ';', '\x7f', '\xff', '0', '/', '\r\n'];

// One byte changed, taken away or doubled, or a run of bytes repeated.
function damage(text, random) {
  const at = random.below(text.length);
  const odd = random.pick(oddBytes);
  switch (random.below(5)) {
    case 0:
      return text.slice(0, at) + odd + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + text[at] + text.slice(at);
    case 3:
      return text.slice(0, at) + odd + text.slice(at);
    default: {
      const end = at + 1 + random.below(20);
      return text.slice(0, end) + text.slice(at);
    }
  }
}

// Case number i of a seed: { names, text }. The last request of each closes the connection.
function generate(seed, i) {
  const random = new Random((seed + i * 2654435761) >>> 0);
  const request = plainRequest(random);
  const names = [];
  const count = random.pick([1, 1, 1, 2, 2, 3]);

  for (let n = 0; n < count; n++) {
    const [name, change] = random.pick(random.chance(70) ? mild : wild);
    change(request, random);
    names.push(name);
  }
  let text = write(request);
  for (let n = 0; n < request.followers; n++) text += write(plainRequest(random));
  if (random.chance(10)) {
    text = damage(text, random);
    names.push('damaged');
  }
  text += `GET http://127.0.0.1:@PORT/end/${i.toString(36)} HTTP/1.1\r\n`;
  text += 'Host: 127.0.0.1:@PORT\r\nConnection: close\r\n\r\n';
  return { names, text };
}

module.exports = { generate };
