// A small web application over HTTP/2 in clear: node two.js PORT. It answers `two says hello` to anything.
const server = require("http2").createServer();
server.on("stream", (stream, headers) => {
  stream.respond({ ":status": 200 });
  stream.end(`two says hello to ${headers[":path"]}\n`);
});
server.listen(Number(process.argv[2]));
