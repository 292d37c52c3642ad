// What a request may have that is odd: each entry has a name, and changes a request that is
// still in parts (see generate.js). Texts are bytes, one per character; "@PORT" stands for the
// five digits of the origin's port, so that lengths stay what they are.
//
// "mild" ones are right by the RFCs or near it, so that many of them are forwarded; "wild" ones
// are what attacks are made of.
'use strict';

const follower =
  'GET http://127.0.0.1:@PORT/smuggled HTTP/1.1\r\n' +
  'Host: 127.0.0.1:@PORT\r\nX-Smuggled: yes\r\n\r\n';

// A field at a random place; what comes back is [name, what stands between, value, line end].
function add(request, random, name, value, between = ': ', end = '\r\n') {
  const at = random.below(request.fields.length + 1);
  request.fields.splice(at, 0, [name, between, value, end]);
}

function drop(request, name) {
  request.fields = request.fields.filter((field) => field[0].toLowerCase() !== name);
}

function set(request, random, name, value) {
  drop(request, name.toLowerCase());
  add(request, random, name, value);
}

// "one of": an oddity for each text.
function each(name, texts, change) {
  return texts.map((text) => [
    `${name} ${JSON.stringify(text.slice(0, 60))}`,
    (request, random) => change(request, text, random),
  ]);
}

function chunked(request, body) {
  drop(request, 'content-length');
  drop(request, 'transfer-encoding');
  request.fields.push(['Transfer-Encoding', ': ', 'chunked', '\r\n']);
  request.body = body;
}

function sized(request, body) {
  drop(request, 'content-length');
  drop(request, 'transfer-encoding');
  request.fields.push(['Content-Length', ': ', String(body.length), '\r\n']);
  request.body = body;
}

const many = (n, f) => Array.from({ length: n }, (_, i) => f(i)).join('');

const mild = [
  ...each(
    'method',
    ['PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND', 'REPORT', 'M-SEARCH', 'PURGE', 'TRACE',
      'HEAD', 'MKCOL', 'SEARCH', 'LINK'],
    (request, text) => { request.method = text; }),
  ...each(
    'path',
    ['', '/', '/?', '?', '?q=1', '?/..', '/a?b?c', '//', '//a//b', '///', '/.', '/..', '/a/../b',
      '/./a/./', '/a/..', '/a/%2e%2e/b', '/%2e/', '/a;p=1/b;q', '/%41%7e', '/%c3%a9', '/%E9',
      '/%2f%2F', '/a%20b+c', '/:80/', '/@', '/a@b:c', "/!$&'()*+,;=:@-._~", '/a?x=http://b/c',
      '/*', '/http://x/', '/a/?', '/%25', '/%23', '/%3f?%3F', '/a=b&c', '/?&&==', '/%61%62?%63',
      '/' + 'p'.repeat(1200), '/?' + 'q=%20&'.repeat(150), '/smuggled', '/%0d%0aX:%20y'],
    (request, text) => { request.path = text; }),
  ...each('scheme', ['HTTP://', 'Http://', 'hTTp://'],
    (request, text) => { request.scheme = text; }),
  ...each('userinfo', ['user@', 'user:pass@', ':@', '@', 'a%40b:c@'],
    (request, text) => { request.userinfo = text; }),
  ['host localhost', (request) => { request.host = 'localhost:@PORT'; }],
  ...each('Host', ['other.test', '', 'a_b', 'x:1', '[::1]:80', 'EXAMPLE.test.'],
    (request, text, random) => set(request, random, 'Host', text)),
  ...each('name of Host', ['host', 'HOST', 'hOsT'], (request, text, random) => {
    drop(request, 'host');
    add(request, random, text, '127.0.0.1:@PORT');
  }),
  ...each(
    'value',
    ['', ' ', '\t', '  two  ', '\ta\tb\t', 'a,b', ',', ',,a,,', '"', '"a, b"', '"\\""', '(c)',
      'caf\xe9', '\xc3\xa9', '\xff\xfe', '\x80', '=?x?=', 'a: b', ': ', '%0d%0a', 'x'.repeat(3000),
      '#', '<>', '[]{}|^`', 'HTTP/1.1 200 OK', 'chunked', '0'],
    (request, text, random) => add(request, random, 'X-Value', text)),
  ...each('between name and value', [':', ':  ', ':\t', ': \t '],
    (request, text, random) => add(request, random, 'X-Between', 'v', text)),
  ...each(
    'name',
    ['x', 'X_underscore', "!#$%&'*+-.^_`|~", '0', 'x.y', '-', '_', 'X--Y', 'x'.repeat(200),
      'Content_Length', 'Transfer_Encoding', 'Content-Lengt', 'XHost', 'Host2', 'Date', 'Server',
      'Status', 'Trailers', 'Content-Length-', 'Proxy', 'HTTP2-Settings', 'Sec-WebSocket-Key'],
    (request, text, random) => add(request, random, text, '7')),
  ...each('twice', ['X-Twice', 'Accept', 'Cookie', 'x-TWICE', 'Via', 'User-Agent', 'Referer'],
    (request, text, random) => {
      add(request, random, text, 'one');
      add(request, random, text.toLowerCase(), 'two, 2');
      if (random.chance(50)) add(request, random, text.toUpperCase(), 'three');
    }),
  ['many fields', (request) => {
    for (let i = 0; i < 60; i++) request.fields.push([`X-Many-${i % 7}`, ': ', `${i}`, '\r\n']);
  }],
  ...each(
    'Connection',
    ['keep-alive', 'close, X-Gone', 'X-Gone', 'Host', 'Content-Length', 'Transfer-Encoding', 'Via',
      'Cookie', 'TE', 'Upgrade', ',,', 'x-gone , keep-alive', 'Close', 'Keep-Alive', 'Connection',
      'Expect', 'Trailer', 'Date', 'authorization', 'Forwarded', '"close"'],
    (request, text, random) => {
      add(request, random, 'Connection', text);
      add(request, random, 'X-Gone', 'x');
      add(request, random, 'Cookie', 'a=b');
    }),
  ...each(
    'hop field',
    ['Keep-Alive\0timeout=5', 'Proxy-Connection\0keep-alive', 'TE\0trailers', 'TE\0gzip',
      'Trailer\0X-T', 'Proxy-Authorization\0Basic eDp5', 'Upgrade\0websocket', 'Upgrade\0h2c',
      'Proxy-Authenticate\0x', 'Max-Forwards\x000', 'Max-Forwards\x007', 'Max-Forwards\0x',
      'Via\x001.0 a, 1.1 b', 'Forwarded\0for=x', 'X-Forwarded-For\x001.2.3.4',
      'Expect\x00100-continue', 'Expect\x00100-CONTINUE', 'Expect\0other', 'Range\0bytes=0-1',
      'If-None-Match\0*', 'Content-Type\0multipart/byteranges', 'Content-Encoding\0gzip',
      'Authorization\0Digest x="y"', 'X-HTTP-Method-Override\0DELETE', 'Date\0now'],
    (request, text, random) => add(request, random, ...text.split('\0'))),
  ['asks for a websocket', (request, random) => {
    add(request, random, 'Connection', 'Upgrade');
    add(request, random, 'Upgrade', 'websocket');
    add(request, random, 'Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ==');
  }],
  ['asks for h2c', (request, random) => {
    add(request, random, 'Connection', 'Upgrade, HTTP2-Settings');
    add(request, random, 'Upgrade', 'h2c');
    add(request, random, 'HTTP2-Settings', 'AAMAAABkAAQAAP__');
  }],
  ['HTTP/1.0', (request) => { request.version = 'HTTP/1.0'; }],
  ['HTTP/1.0, kept', (request, random) => {
    request.version = 'HTTP/1.0';
    add(request, random, 'Connection', 'keep-alive');
  }],
  ['HTTP/1.2', (request) => { request.version = 'HTTP/1.2'; }],
  ['empty line in front', (request) => { request.before = '\r\n'; }],
  ['body of bytes', (request, random) => {
    request.method = 'POST';
    sized(request, many(1 + random.below(3000), () => String.fromCharCode(random.below(256))));
  }],
  ['body that looks like a request', (request) => {
    request.method = 'POST';
    sized(request, follower);
  }],
  ['body with GET', (request) => sized(request, 'hello')],
  ['Content-Length: 0', (request) => sized(request, '')],
  ['Content-Length: 007', (request) => {
    sized(request, 'seventh');
    request.fields[request.fields.length - 1][2] = '007';
  }],
  ['POST without length', (request) => { request.method = 'POST'; }],
  ...each(
    'chunks',
    ['0\r\n\r\n', '5\r\nhello\r\n0\r\n\r\n', '0005\r\nhello\r\n000\r\n\r\n',
      'a\r\n0123456789\r\n0\r\n\r\n', 'A\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n',
      '5;x\r\nhello\r\n0;y=z\r\n\r\n', '5;x="y;z"\r\nhello\r\n0\r\n\r\n',
      '5;;;\r\nhello\r\n0\r\n\r\n', '1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n',
      '5\r\nhello\r\n0\r\nX-Trailer: t\r\n\r\n', '7\r\n0\r\n\r\nab\r\n0\r\n\r\n',
      '5\r\nhello\r\n0\r\nContent-Length: 9\r\nHost: x\r\n\r\n',
      '2\r\n\r\n\r\n0\r\n\r\n', '5;\t\r\nhello\r\n0\r\n\r\n',
      `${follower.length.toString(16)}\r\n${follower}\r\n0\r\n\r\n`],
    (request, text) => {
      request.method = 'POST';
      chunked(request, text);
    }),
  ...each('coding', ['Chunked', 'CHUNKED', ' chunked ', 'chunked,', ',chunked', '\tchunked\t'],
    (request, text) => {
      request.method = 'PUT';
      chunked(request, '3\r\nabc\r\n0\r\n\r\n');
      request.fields[request.fields.length - 1][2] = text;
    }),
  ['followed by more', (request, random) => { request.followers = 1 + random.below(3); }],
];

const wild = [
  ...each(
    'method',
    ['get', 'Post', "!#$%&'*+-.^_`|~", 'G'.repeat(300), '', ' GET', 'GET\t', 'GE T', 'G\0T',
    'G\xc9T',
      'GET:', 'GET/', 'PRI', '(GET)', 'X', '_', 'G-E_T', '123'],
    (request, text) => { request.method = text; }),
  ...each(
    'path',
    ['/#f', '/a#b?c', '/\\..\\a', '/ a', '/\t', '/\xe9', '/\xc3\xa9', '/"', '/<>', '/^`{|}', '/[]',
      '/%', '/%%', '/%zz', '/%0', '/%00', '/%00/../a', '/%0a', '/a\0b', '/\x7f', '/\x01',
      '/../../..',
      '/..%2f..', '/%u0041', '\\', '\\a', '#', '#f', ';x', '/a HTTP/1.1\r\nX-In: jected',
      '/ HTTP/1.1', '/\x0b', '/\r', '/\n', '/a\rb'],
    (request, text) => { request.path = text; }),
  ...each(
    'target',
    ['/', '*', '/a/b', '127.0.0.1:@PORT', 'http:/x', 'http:', 'http:///a', 'http://',
    '//127.0.0.1:@PORT/', 'ftp://127.0.0.1:@PORT/',
      'http:127.0.0.1:@PORT/', 'https://127.0.0.1:@PORT/', 'HTTP:/127.0.0.1:@PORT/',
      'http://127.0.0.1:@PORT@127.0.0.1:@PORT/',
      'http://127.0.0.1:@PORT\\@other/', 'http://127.0.0.1:@PORT#@other/',
      'http://a@b@127.0.0.1:@PORT/',
      'http://127.0.0.1:@PORT:80/', 'http://127.0.0.1:@PORT,other/', 'http://%31127.0.0.1:@PORT/',
      'http://127.0.0.1:@PORT%00/',
      'ws://127.0.0.1:@PORT/', 'view-source:http://127.0.0.1:@PORT/', ' http://127.0.0.1:@PORT/',
      'http ://127.0.0.1:@PORT/'],
    (request, text) => { request.target = text; }),
  ...each(
    'Host',
    ['a b', 'a/b', 'a@b', 'a,b', '\xe9', 'a:b', 'a:99999', ':', ':80', '[::1', '127.1', 'a%00b',
    '#', '?',
      'http://x/', 'x\0', '-', '..', '127.0.0.1:@PORT, other'],
    (request, text, random) => set(request, random, 'Host', text)),
  ['no Host', (request) => drop(request, 'host')],
  ['Host twice', (request, random) => add(request, random, 'Host', random.pick(['127.0.0.1:@PORT',
  'other', '']))],
  ...each('Host, badly written', ['Host ', ' Host', 'Host\t', '\x0bHost', 'Host\0'],
    (request, text, random) => add(request, random, text, 'other')),
  ...each(
    'value',
    ['a\0b', '\0', 'a\rb', 'a\nb', 'a\x01b', '\x7f', '\x0b', '\x0c', 'a\r\n folded',
    'a\r\n\tfolded',
      '\r\n ', 'a\n folded', 'a\r\nX-In: jected', 'a\rX-In: jected', 'a\nX-In: jected', '\x08',
      '\x1b[0m'],
    (request, text, random) => add(request, random, 'X-Value', text)),
  ...each(
    'name',
    ['', ' ', ' x', 'x ', 'x\t', '\tx', 'x y', 'x\0', '\xe9', 'x\xe9', '(x)', 'x"', 'x/y', 'x@y',
    'x;y',
      'x\r', 'x\n', '\x01x', 'x=y', '{x}', 'x,y', '[x]', '\x7f', 'Content-Length ',
      'Content-Length\t', ' Content-Length', '\x0bContent-Length', 'Content-Length\0',
      'Transfer-Encoding ', ' Transfer-Encoding', 'Transfer-Encoding\x0b'],
    (request, text, random) => add(request, random, text, '7')),
  ['field without a colon', (request, random) => add(request, random, 'X-No-Colon', '', '')],
  ...each('line end', ['\n', '\r', '\r\r\n', '\n\r', '\r\n\r', ' \r\n', '\0\r\n', '\n\n', ''],
    (request, text, random) => { random.pick(request.fields)[3] = text; }),
  ...each('end of the request line', ['\n', '\r', ' \r\n', '\t\r\n', '\r\r\n', '\0\r\n', '\r\n '],
    (request, text) => { request.lineEnd = text; }),
  ...each('end of the head', ['\n', '\r', '\r\r\n', '', '\n\r\n', ' \r\n'],
    (request, text) => { request.headEnd = text; }),
  ...each('spaces in the request line', ['  ', '\t', ' \t', '\x0b', '\0', ''],
    (request, text) => { request.space = text; }),
  ...each(
    'version',
    ['HTTP/0.9', 'HTTP/1', 'HTTP/1.', 'HTTP/1.10', 'HTTP/01.1', 'HTTP/1.1 ', 'HTTP/2.0', 'HTTP/3',
    'http/1.1',
      'HTTP/ 1.1', 'HTTP/1 .1', 'HTTP/+1.1', 'HTTP/1.1\0', 'HTTP /1.1', 'HTTPS/1.1', 'HTTP/1,1',
      'ICY/1.1',
      '', 'HTTP/1.1.1', 'HTTP/1.x', 'HTTP/9.9'],
    (request, text) => { request.version = text; }),
  ...each(
    'in front',
    ['\n', '\r', '\r\n\r\n', '\r\n\r\n\r\n', ' ', '\0', '\xef\xbb\xbf', '\n\r\n', 'x\r\n'],
    (request, text) => { request.before = text; }),
  ...each(
    'Content-Length',
    ['+5', '-5', ' 5', '5 ', '5,5', '5, 5', '5;', '0x5', '5.0', '5e0', '', 'five', '5 5', '05',
    '00000000000000000005',
      '18446744073709551621', '4294967301', '99999999999999999999', '-0', '\x0b5', '5\x0b', '5\0',
      '5\r\n 5',
      '4', '6', '5,', ',5', '"5"', '\xb25'],
    (request, text) => {
      request.method = 'POST';
      sized(request, 'hello');
      request.fields[request.fields.length - 1][2] = text;
      request.body += follower;
    }),
  ...each('a second Content-Length', ['5', '0', '6', '', '5,5', '+5'], (request, text, random) => {
    request.method = 'POST';
    sized(request, 'hello');
    add(request, random, random.pick(['Content-Length', 'content-length', 'CONTENT-LENGTH']), text);
    request.body += follower;
  }),
  ...each('Transfer-Encoding and a length', ['0', '5', '1000', '-1', ''], (request, text, random) => {
    request.method = 'POST';
    chunked(request, '5\r\nhello\r\n0\r\n\r\n');
    add(request, random, 'Content-Length', text);
    request.body += follower;
  }),
  ...each(
    'Transfer-Encoding',
    ['identity', 'gzip', 'chunked, chunked', 'gzip, chunked', 'chunked, gzip', 'chunked;q=1',
    'xchunked',
      'chunkedx', 'chunk', '\x0bchunked', 'chunked\x0b', 'chunked\0', '"chunked"',
      'chunked, identity',
      'identity, chunked', '', ',', 'chun ked', '\xa0chunked', 'ch\xfcnked', 'chunked\r\n foo',
      '\r\n chunked',
      'chunked,,chunked', 'trailers', 'deflate', 'x-gzip, chunked', 'chunked chunked',
      'CHUN\u212aED'],
    (request, text) => {
      request.method = 'POST';
      chunked(request, '5\r\nhello\r\n0\r\n\r\n');
      request.fields[request.fields.length - 1][2] = text.replace('\u212a', '\xe2\x84\xaa');
      request.body += follower;
    }),
  ...each('a second Transfer-Encoding', ['chunked', 'identity', 'gzip', ''], (request, text, random) => {
    request.method = 'POST';
    chunked(request, '5\r\nhello\r\n0\r\n\r\n');
    add(request, random, random.pick(['Transfer-Encoding', 'transfer-encoding']), text);
    request.body += follower;
  }),
  ...each('Transfer-Encoding, badly written', ['Transfer-Encoding ', 'Transfer-Encoding\t', ' Transfer-Encoding',
    'Transfer_Encoding', 'Transfer-Encoding\0', 'X-Y:\nTransfer-Encoding', 'X:\rTransfer-Encoding'],
  (request, text) => {
    request.method = 'POST';
    sized(request, '5\r\nhello\r\n0\r\n\r\n');
    request.fields.push([text, ': ', 'chunked', '\r\n']);
    request.body += follower;
  }),
  ['chunked in HTTP/1.0', (request) => {
    request.method = 'POST';
    request.version = 'HTTP/1.0';
    chunked(request, '5\r\nhello\r\n0\r\n\r\n');
  }],
  ...each(
    'chunks',
    ['+5\r\nhello\r\n0\r\n\r\n', '-5\r\nhello\r\n0\r\n\r\n', '0x5\r\nhello\r\n0\r\n\r\n',
      '5 \r\nhello\r\n0\r\n\r\n', ' 5\r\nhello\r\n0\r\n\r\n', '5\t\r\nhello\r\n0\r\n\r\n',
      '5\nhello\n0\n\n', '5\r\nhello\n0\r\n\r\n', '5\nhello\r\n0\r\n\r\n', '5\r\nhello0\r\n\r\n',
      '5\r\nhelloXX\r\n0\r\n\r\n', '5\r\nhell\r\n0\r\n\r\n', '6\r\nhello\r\n0\r\n\r\n',
      '10000000000000005\r\nhello\r\n0\r\n\r\n', 'ffffffffffffffff\r\nhello\r\n0\r\n\r\n',
      '100000005\r\nhello\r\n0\r\n\r\n', '5;x\nhello\r\n0\r\n\r\n', '5;x\n\r\nhello\r\n0\r\n\r\n',
      '5;x\r\r\nhello\r\n0\r\n\r\n', '5;\0\r\nhello\r\n0\r\n\r\n',
      '5;x="\r\n"\r\nhello\r\n0\r\n\r\n',
      '5 ;x\r\nhello\r\n0\r\n\r\n', '5\r\nhello\r\n0\r\n', '5\r\nhello\r\n0\r\nX: y\r\n',
      '5\r\nhello\r\n0\r\n X: y\r\n\r\n', '5\r\nhello\r\n0\r\nX : y\r\n\r\n',
      '5\r\nhello\r\n0\r\nX\r\n\r\n',
      '5\r\nhello\r\n0\r\nX: y\n\r\n', '5\r\nhello\r\n0\r\n\n', '5\r\nhello\r\n0\n\r\n',
      'g\r\nhello\r\n0\r\n\r\n',
      '\r\n5\r\nhello\r\n0\r\n\r\n', '5\r\n\r\nhello\r\n0\r\n\r\n', ';x\r\n\r\n', '',
      '5,5\r\nhello\r\n0\r\n\r\n',
      '5\0\r\nhello\r\n0\r\n\r\n', '5\r\nhello\r\n-0\r\n\r\n', '5\r\nhello\r\n0x0\r\n\r\n',
      `5;${'e'.repeat(9000)}\r\nhello\r\n0\r\n\r\n`,
      `5\r\nhello\r\n0\r\nX: ${'y'.repeat(20000)}\r\n\r\n`],
    (request, text) => {
      request.method = 'POST';
      chunked(request, text + follower);
    }),
  ['a head that is too long', (request, random) => add(request, random, 'X-Long',
  'l'.repeat(70000))],
  ['too many fields', (request) => {
    for (let i = 0; i < 300; i++) request.fields.push([`X-${i}`, ': ', 'y', '\r\n']);
  }],
  ['a length that is longer than the body', (request, random) => {
    request.method = 'PUT';
    sized(request, 'hello');
    request.fields[request.fields.length - 1][2] = String(6 + random.below(100));
  }],
  ['bytes behind a GET', (request, random) => {
    request.body = random.pick(
      ['x', 'hello', '\r\n', '\r\n\r\n', '\0', '0\r\n\r\n', '\n', '5\r\nhello\r\n0\r\n\r\n']);
  }],
  ['Expect and a body that looks like a request', (request, random) => {
    request.method = 'POST';
    sized(request, follower);
    add(request, random, 'Expect', '100-continue');
  }],
];

module.exports = { mild, wild };
