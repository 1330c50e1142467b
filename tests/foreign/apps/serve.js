// A small web application: node serve.js PORT [NAME]. It keeps connections open and answers `NAME says hello` to anything.
const http = require("http");
const name = process.argv[3] || "node";
const server = http.createServer((request, response) => {
  request.resume();
  request.on("end", () => response.end(`${name} says hello to ${request.url}\n`));
});
server.keepAliveTimeout = 120000;
server.listen(Number(process.argv[2]));
