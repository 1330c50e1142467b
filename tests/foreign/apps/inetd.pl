# Answers one request on its standard input: what inetd started it for.
use strict;
while (my $line = <STDIN>) { last if $line =~ /^\r?$/; }
my $said = "inetd's child says hello\n";
print "HTTP/1.1 200 OK\r\nContent-Length: " . length($said) . "\r\nConnection: close\r\n\r\n$said";
