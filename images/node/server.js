// Listens as its configuration says: `node server.js FILE`; `--check FILE` only reads it and the keys that it names.
'use strict';

const { readFileSync } = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const https = require('node:https');
const { handle } = require('./handler.js');

function serverFor({ leaf, alpn }) {
  if (!leaf) return http.createServer(handle);
  const stem = `/etc/lab/tls/${leaf}`;
  const keys = { cert: readFileSync(`${stem}.crt`), key: readFileSync(`${stem}.key`) };
  if (!alpn?.includes('h2')) return https.createServer(keys, handle);
  return http2.createSecureServer({ ...keys, ALPNProtocols: alpn, allowHTTP1: alpn.includes('http/1.1') }, handle);
}

const words = process.argv.slice(2);
const { listeners } = JSON.parse(readFileSync(words.at(-1), 'utf8'));
const servers = listeners.map((one) => [serverFor(one), one]);
if (words[0] !== '--check') {
  process.on('SIGTERM', () => process.exit(0)); // as process 1 it would ignore TERM otherwise (pid_namespaces(7))
  for (const [server, { address, port }] of servers) server.listen({ host: address, port });
}
