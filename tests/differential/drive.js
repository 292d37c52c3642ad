// Sends odd requests through carpool to three origins and compares what they read:
//
//     node drive.js PROXY_PORT ACCESS_LOG SEED COUNT ORIGIN=PORT=READINGS…
//
// One lane per origin, one request after another, so that what is new in an origin's readings
// belongs to the request that was just sent. Ends with 1 where anything differs.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const net = require('net');
const { generate } = require('./generate.js');
const { parse, difference, refusal } = require('./compare.js');

const DIFFERENCES_SHOWN = 10;
const SHARE_AT_LEAST = 34; // percent that are forwarded: a third
const [proxyPort, accessLog, seedText, countText, ...origins] = process.argv.slice(2);
const seed = Number(seedText);
const count = Number(countText);
const sha1 = (text) => crypto.createHash('sha1').update(text).digest('hex');
const lanes = origins.map((words) => {
  const [name, port, path] = words.split('=');
  return { name, port, path, at: 0, rest: '', accepted: [], cases: [] };
});

// Lines that were added to the readings since the last call.
function newReadings(lane) {
  const size = fs.statSync(lane.path).size - lane.at;
  const bytes = Buffer.alloc(size);
  const fd = fs.openSync(lane.path, 'r');
  fs.readSync(fd, bytes, 0, size, lane.at);
  fs.closeSync(fd);
  lane.at += size;
  return bytes.toString('latin1').split('\n').slice(0, -1);
}

// All that comes back until carpool closes.
function exchange(text) {
  return new Promise((resolve, reject) => {
    const parts = [];
    const socket = net.connect(Number(proxyPort), '127.0.0.1');
    socket.setTimeout(20000, () => socket.destroy(new Error('carpool is silent')));
    socket.on('data', (part) => parts.push(part));
    socket.on('error', (error) => (error.code === 'ECONNRESET' ? resolve(parts) : reject(error)));
    socket.on('close', () => resolve(parts));
    socket.end(Buffer.from(text, 'latin1'));
  }).then((parts) => Buffer.concat(parts).toString('latin1'));
}

// The final answers in what came back. carpool's own have no Via: nobody was on the way.
function outcomes(text) {
  const heads = text.matchAll(/HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/g);
  const all = [];
  for (const [, status, fields] of heads) {
    const reading = /^X-Reading: (\S+)\r$/im.exec(fields);
    if (status[0] === '1') continue;
    if (reading) all.push({ kind: 'read', status, reading: reading[1] });
    else all.push({ kind: /^Via:/im.test(fields) ? 'refused' : 'own', status });
  }
  return all;
}

async function runLane(lane) {
  for (let i = 0; i < count; i++) {
    const text = generate(seed, i).text.replaceAll('@PORT', lane.port);
    const answers = outcomes(await exchange(text));
    const lines = newReadings(lane);
    lane.accepted.push(...lines);
    lane.cases.push({ answers, lines, readings: lines.map((line) => parse(line, lane.port)) });
  }
}

const differences = [];
const excused = new Map();
const statuses = new Map();
const tally = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);
let forwarded = 0;
let incomplete = 0;

function differ(i, what) {
  differences.push({ i, what });
}

// Each answer with a reading carries that of the request it belongs to, and none is left over.
function checkAnswers(i, lane) {
  const { answers, lines } = lane.cases[i];
  const answered = answers.filter(({ kind }) => kind === 'read').map(({ reading }) => reading);
  const read = lines.map(sha1);
  if (answered.join() !== read.join())
    differ(i, `${lane.name} read ${read.length}, the client has ${answered.length} answers, or others'`);
}

function kindOf(answer) {
  if (!answer) return 'nothing';
  return answer.kind === 'own' ? answer.status : 'forwarded';
}

// An origin refused what the others waited to have the rest of, in vain: nobody read it.
function isEarly(answers) {
  const kinds = answers.map((answer) => answer?.kind);
  return kinds.includes('refused') && !kinds.includes('read');
}

// The answers of one case side by side. A lane leaves where its origin refused a request and
// carpool closed, since the answer had no length or came before the body's end.
function checkCase(i) {
  const cases = lanes.map((lane) => lane.cases[i]);
  const next = lanes.map(() => 0);
  const most = Math.max(...cases.map(({ answers }) => answers.length));
  for (let n = 0; n < most; n++) {
    const stay = lanes.map((_, l) => l).filter((l) => {
      const { answers } = cases[l];
      return n < answers.length || n === 0 || answers[answers.length - 1].kind !== 'refused';
    });
    const answers = stay.map((l) => cases[l].answers[n]);
    const readings = stay.map((l, at) =>
      answers[at]?.kind === 'read' ? cases[l].readings[next[l]++] : null);
    const kinds = answers.map(kindOf);
    if (new Set(kinds).size > 1) {
      if (isEarly(answers)) tally(excused, 'one origin before the body was cut off');
      else differ(i, `carpool's own answers differ: ${kinds.join(' / ')}`);
      return;
    }
    const names = stay.map((l) => lanes[l].name);
    if (kinds[0] === 'forwarded') checkReadings(i, names, answers, readings);
  }
}

function checkReadings(i, names, answers, readings) {
  const first = readings.findIndex((reading) => reading !== null);
  const known = readings[first];
  if (!known) return tally(excused, `all origins: ${answers.map(({ status }) => status).join()}`);
  names.forEach((name, at) => {
    if (readings[at]) {
      const other = difference([name, readings[at]], [names[first], known]);
      if (other) differ(i, `${name} reads ${other}`);
      return;
    }
    const reason = refusal(name, known);
    if (reason) tally(excused, `${name}: ${reason.why}`);
    else differ(i, `${name} answers ${answers[at].status}`);
  });
}

// How the odd part of a case ended: what its first request came to.
function countCase(i) {
  const { answers, lines } = lanes[0].cases[i];
  if (answers.length === 0) incomplete++;
  else if (answers[0].kind === 'own') tally(statuses, answers[0].status);
  else forwarded++;
}

// carpool writes a line when an exchange is over; the last request's is the last of all.
function accessLines() {
  return new Promise((resolve, reject) => {
    const late = new Error('the access log has no last line');
    const timer = setTimeout(() => end(reject, late), 10000);
    const watcher = fs.watch(accessLog, look);

    function end(settle, what) {
      clearTimeout(timer);
      watcher.close();
      settle(what);
    }
    function look() {
      const lines = fs.readFileSync(accessLog, 'latin1').split('\n');
      if (lines.filter((line) => line.includes('/end/last ')).length === lanes.length)
        end(resolve, lines);
    }
    look();
  });
}

const unescape = (word) =>
  word.replace(/\\x([0-9a-f]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));

const logLine = / method=(\S+) target=http:\/\/[^/?*]*?:(\d+)(\S*) status=(\d+) .* conn=/;

// Method and target of the log and of the readings, in their order; long ones are cut in the log.
function checkLog(lane, lines) {
  const begins = (cut, whole) =>
    cut.endsWith('...') ? whole.startsWith(cut.slice(0, -3)) : cut === whole;
  const logged = lines
    .map((line) => logLine.exec(line))
    .filter((found) => found && found[2] === lane.port && found[4] === '201');
  const read = lane.accepted.map((line) => parse(line, lane.port));
  if (logged.length !== read.length)
    differ(count, `${lane.name} read ${read.length} requests, carpool forwarded ${logged.length}`);
  for (let n = 0; n < Math.min(logged.length, read.length); n++) {
    const method = unescape(logged[n][1]);
    const target = unescape(logged[n][3]).replace(/^\?/, '/?').replaceAll(lane.port, '@PORT');
    if (!begins(method, read[n].method) || !begins(target, read[n].target))
      return differ(count, `${lane.name}, request ${n}: carpool says ${method} ${target}, ` +
        `it read ${JSON.stringify(read[n])}`);
  }
}

async function sendLast(lane) {
  const target = `http://127.0.0.1:${lane.port}/end/last`;
  await exchange(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  lane.accepted.push(...newReadings(lane));
}

const short = (text) => (text.length > 3000 ? `${text.slice(0, 3000)}...` : text);

function tell({ i, what }) {
  if (i === count) return console.log(`DIFFERENCE, seed ${seed}, all requests: ${what}`);
  const { names, text } = generate(seed, i);
  console.log(`DIFFERENCE, seed ${seed}, request ${i} (${names.join('; ')}): ${what}`);
  console.log(`  bytes: ${short(JSON.stringify(text))}`);
  for (const { name, cases } of lanes) {
    const statuses = cases[i].answers.map(({ status }) => status).join();
    const readings = short(JSON.stringify(cases[i].readings));
    console.log(`  ${name}: ${statuses || 'no answer'}; read ${readings}`);
  }
}

function report() {
  const share = Math.round((100 * forwarded) / count);
  console.log(`seed ${seed}: ${count} requests, ${share} % forwarded, ${incomplete} unanswered`);
  for (const [status, n] of [...statuses].sort())
    console.log(`answered ${status} by carpool: ${n}`);
  for (const [why, n] of [...excused].sort()) console.log(`refused by ${why}: ${n}`);
  for (const lane of lanes) console.log(`${lane.name} read ${lane.accepted.length} requests`);
  differences.slice(0, DIFFERENCES_SHOWN).forEach(tell);
  console.log(`${differences.length} differences`);
  if (share < SHARE_AT_LEAST) console.log('too few were forwarded for this to say anything');
  return differences.length === 0 && share >= SHARE_AT_LEAST;
}

async function main() {
  await Promise.all(lanes.map(runLane));
  for (let i = 0; i < count; i++) {
    lanes.forEach((lane) => checkAnswers(i, lane));
    checkCase(i);
    countCase(i);
  }
  await Promise.all(lanes.map(sendLast));
  const lines = await accessLines();
  lanes.forEach((lane) => checkLog(lane, lines));
  process.exit(report() ? 0 : 1);
}

main();
