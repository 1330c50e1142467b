<?php
// The handler of the contract: one report when it is entered, one when it has answered, and the request told back.
// What it knows of addresses is the web server's word about the client, not its own FastCGI connection: so it tells no ends.

declare(strict_types=1);

function report(string $event): void
{
    $now = (int) (microtime(true) * 1e6) * 1000;
    $line = [
        'lab' => 'app/1', 'time_ns' => $now, 'event' => $event, 'local' => null, 'peer' => null,
        'token' => $_SERVER['HTTP_LAB_PROBE'] ?? '', 'method' => $_SERVER['REQUEST_METHOD'],
        'target' => $_SERVER['REQUEST_URI'], 'detail' => '', 'pid' => getmypid(),
    ];
    file_put_contents('php://stderr', json_encode($line, JSON_UNESCAPED_SLASHES) . "\n");
}

report('dispatched');
$size = strlen(file_get_contents('php://input'));
$body = json_encode([
    'app' => 'php-fpm', 'method' => $_SERVER['REQUEST_METHOD'], 'target' => $_SERVER['REQUEST_URI'], 'body_bytes' => $size,
], JSON_UNESCAPED_SLASHES) . "\n";
header('Content-Type: application/json');
header('Content-Length: ' . strlen($body));
echo $body;
fastcgi_finish_request();
report('answered');
