// What nginx read, as origin_node.js writes it. njs makes U+FFFD of bytes that are no UTF-8.
import crypto from 'crypto';
import fs from 'fs';

const hex = (text) => Buffer.from(text).toString('hex');
const sha1 = (text) => crypto.createHash('sha1').update(text).digest('hex');

function read(request) {
  const bytes = request.requestBuffer;
  // An empty buffer throws.
  const body = bytes && bytes.length > 0 ? bytes.toString('hex') : '';
  const line = request.variables.request;
  const target = line.slice(line.indexOf(' ') + 1, line.lastIndexOf(' '));
  const words = [hex(request.method), hex(target), request.httpVersion.slice(2), `=${body}`];
  request.rawHeadersIn.forEach((field) => words.push(`${hex(field[0])}:${hex(field[1])}`));
  const reading = words.join(' ');
  fs.appendFileSync(request.variables.readings, `${reading}\n`);
  request.headersOut['X-Reading'] = sha1(reading);
  request.return(201, 'ok\n');
}

export default { read };
