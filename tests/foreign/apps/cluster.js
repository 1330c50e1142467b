// Two workers; the first process accepts and passes each connection on to one of them: node cluster.js PORT.
const cluster = require("cluster");
cluster.schedulingPolicy = cluster.SCHED_RR;
if (cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
} else {
  require("http").createServer((request, response) => response.end(`${process.pid} says hello\n`)).listen(Number(process.argv[2]));
}
