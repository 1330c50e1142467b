# The smallest HTTP server that is one: reads a head, answers, closes. It says nothing of itself to anybody.
use strict;
use IO::Socket::INET;

my $listener = IO::Socket::INET->new(
    LocalAddr => '127.0.0.1', LocalPort => $ENV{PORT}, Listen => 16, ReuseAddr => 1,
) or die "cannot listen on port $ENV{PORT}: $!\n";
$SIG{TERM} = sub { exit 0 };

while (my $client = $listener->accept) {
    while (my $line = <$client>) { last if $line =~ /^\r?\n$/ }
    print $client "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
    close $client;
}
