// What origins read, in one form, and where they may differ.
'use strict';

const http = require('http');

const text = (hex) => Buffer.from(hex, 'hex').toString('latin1');

// A line of origin_*'s readings. Each lane has another port and another mark in Via (docs/http.md),
// both of one length.
function parse(line, port) {
  const [method, target, minor, body, ...fields] = line.split(' ');
  const plain = (hex) =>
    text(hex).replaceAll(port, '@PORT').replace(/carpool-[0-9a-f]{8}/g, 'carpool-mark');
  return {
    method: text(method),
    target: plain(target),
    minor: Number(minor),
    body: plain(body.slice(1)),
    fields: fields.map((field) => field.split(':').map(plain)),
  };
}

// Fields as Apache shows them: those of one name are one, where the first stood, and spelt as that.
function merged(fields) {
  const all = new Map();
  for (const [name, value] of fields) {
    const key = name.toLowerCase();
    if (all.has(key)) all.get(key)[1] += `, ${value}`;
    else all.set(key, [name, value]);
  }
  return [...all.values()];
}

// As njs shows them, which makes one character of each byte that is no UTF-8.
const blurred = (fields) =>
  fields.map((field) => field.map((word) => word.replace(/[\x80-\xff]+/g, '~')));

// Two origins' readings are compared as far as both can show them. What the first one's comes to,
// or null if the other is the same.
function difference([origin, reading], [otherOrigin, other]) {
  const names = [origin, otherOrigin];
  const canonical = ({ fields, ...rest }) => {
    const spelt = names.includes('apache') ? merged(fields) : fields;
    return JSON.stringify({ ...rest, fields: names.includes('nginx') ? blurred(spelt) : spelt });
  };
  return canonical(reading) === canonical(other) ? null : canonical(reading);
}

const valuesOf = (reading, name) =>
  reading.fields.filter(([n]) => n.toLowerCase() === name).map(([, value]) => value);

const onceInNginx = ['authorization', 'expect', 'if-none-match'];

// What an origin refuses though others read it, all alike: it is stricter than they are, or knows
// less, and nobody is misled. Told by what the others read.
const refusals = [
  {
    origin: 'node',
    why: 'knows a closed list of methods',
    is: (reading) => !http.METHODS.includes(reading.method),
  },
  {
    origin: 'nginx',
    why: 'methods are capitals, "_" and "-"',
    is: (reading) => !/^[A-Z_-]+$/.test(reading.method),
  },
  {
    origin: 'nginx',
    why: 'TRACE is answered 405, always',
    is: (reading) => reading.method === 'TRACE',
  },
  {
    origin: 'nginx',
    why: 'OPTIONS of "*" is not known',
    is: (reading) => reading.method === 'OPTIONS' && reading.target === '*',
  },
  {
    origin: 'nginx',
    why: 'paths are decoded and must stay below the root',
    is: (reading) => isNoPath(reading.target.split(/[?#]/)[0]),
  },
  {
    origin: 'nginx',
    why: 'Authorization, Expect and conditions are said once',
    is: (reading) => onceInNginx.some((name) => valuesOf(reading, name).length > 1),
  },
  {
    origin: 'apache',
    why: 'expectations other than one 100-continue are answered 417',
    is: (reading) => !['', '100-continue'].includes(valuesOf(reading, 'expect').join().toLowerCase()),
  },
];

// Escapes that are none, a NUL, or more ".." than there are segments.
function isNoPath(path) {
  if (/%(?![0-9a-f]{2})/i.test(path) || path.includes('%00')) return true;
  let depth = 0;
  const decoded = path.replace(/%([0-9a-f]{2})/gi, (_, hex) => text(hex));
  for (const segment of decoded.split('/').slice(1)) {
    if (segment === '..') depth--;
    else if (segment !== '' && segment !== '.') depth++;
    if (depth < 0) return true;
  }
  return false;
}

function refusal(origin, reading) {
  return refusals.find((known) => known.origin === origin && known.is(reading));
}

module.exports = { parse, difference, refusal, refusals };
