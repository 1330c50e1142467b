// The handler of the contract: one report when it is entered, one when it has answered, and the request told back.
'use strict';

const { writeSync } = require('node:fs');
const { performance } = require('node:perf_hooks');

// CLOCK_REALTIME to the microsecond: Date.now() has milliseconds only and would lie up to one in the past.
const now = () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e3)) * 1000n;

function report(event, request, ends) {
  const line = {
    lab: 'app/1',
    event,
    ...ends,
    token: request.headers['lab-probe'] ?? '',
    method: request.method,
    target: request.url,
    detail: '',
    pid: process.pid,
  };
  writeSync(1, `{"time_ns": ${now()}, ${JSON.stringify(line).slice(1)}\n`);
}

const plain = (address) => address.replace(/^::ffff:/, '');

exports.handle = (request, response) => {
  const { localAddress, localPort, remoteAddress, remotePort } = request.socket;
  const ends = { local: [plain(localAddress), localPort], peer: [plain(remoteAddress), remotePort] };
  report('dispatched', request, ends);
  let size = 0;
  request.on('data', (piece) => { size += piece.length; });
  request.on('end', () => {
    const body = JSON.stringify({ app: 'node', method: request.method, target: request.url, body_bytes: size }) + '\n';
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
    response.end(body, () => report('answered', request, ends));
  });
};
