# What Apache httpd read, as origin_node.js writes it. It merges fields of one name.
package Carpool::Origin;
use strict;
use warnings;

use APR::Table      ();
use Apache2::Const -compile => qw(OK M_GET);
use Apache2::RequestIO   ();
use Apache2::RequestRec  ();
use Apache2::RequestUtil ();
use Apache2::Response    ();
use Apache2::URI         ();
use Digest::SHA          ();

sub hex_of { unpack 'H*', $_[0] }

# As soon as the head has been read, before the target is looked at as a path: then it goes on as
# a GET of "/", whatever it was.
sub note {
    my $request = shift;
    my ($body, $part) = ('', '');
    $body .= $part while $request->read($part, 65536) > 0;
    my ($target) = $request->the_request =~ /^\S* (.*?)(?: HTTP\/\d\.\d)?$/s;
    my $minor = $request->proto_num % 1000;
    my @words = (hex_of($request->method), hex_of($target), $minor, '=' . hex_of($body));
    $request->headers_in->do(sub { push @words, hex_of($_[0]) . ':' . hex_of($_[1]); 1 });
    my $line = "@words";
    open my $readings, '>>', $ENV{READINGS} or die "$ENV{READINGS}: $!";
    syswrite $readings, "$line\n";
    close $readings;
    $request->headers_out->set('X-Reading', Digest::SHA::sha1_hex($line));
    $request->method('GET');
    $request->method_number(Apache2::Const::M_GET);
    $request->parse_uri('/');
    return Apache2::Const::OK;
}

sub answer {
    my $request = shift;
    $request->status(201);
    $request->content_type('text/plain');
    $request->set_content_length(3);
    $request->print("ok\n");
    return Apache2::Const::OK;
}

1;
