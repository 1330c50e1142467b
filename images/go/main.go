// The lab's handler on Go's net/http: `lab-go FILE`; `--check FILE` only reads it and the keys that it names.
package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type listener struct {
	Address string   `json:"address"`
	Port    int      `json:"port"`
	Leaf    string   `json:"leaf"`
	Alpn    []string `json:"alpn"`
	H2c     bool     `json:"h2c"`
}

type config struct {
	Listeners []listener `json:"listeners"`
}

// One report of the contract; null where the server does not know.
type report struct {
	Lab    string `json:"lab"`
	TimeNs int64  `json:"time_ns"`
	Event  string `json:"event"`
	Local  []any  `json:"local"`
	Peer   []any  `json:"peer"`
	Token  string `json:"token"`
	Method string `json:"method"`
	Target string `json:"target"`
	Detail string `json:"detail"`
	Pid    int    `json:"pid"`
}

type answer struct {
	App       string `json:"app"`
	Method    string `json:"method"`
	Target    string `json:"target"`
	BodyBytes int64  `json:"body_bytes"`
}

func endpoint(address string) []any {
	host, port, err := net.SplitHostPort(address)
	number, _ := strconv.Atoi(port)
	if err != nil {
		return nil
	}
	return []any{host, number}
}

// Written as one line by one write(2).
func say(event string, r *http.Request) {
	local := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	line, _ := json.Marshal(report{
		"app/1", time.Now().UnixNano(), event, endpoint(local.String()), endpoint(r.RemoteAddr),
		r.Header.Get("Lab-Probe"), r.Method, r.RequestURI, "", os.Getpid(),
	})
	os.Stdout.Write(append(line, '\n'))
}

func handle(w http.ResponseWriter, r *http.Request) {
	say("dispatched", r)
	size, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		say("answered", r)
		return
	}
	body, _ := json.Marshal(answer{"go", r.Method, r.RequestURI, size})
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(body, '\n'))
	say("answered", r)
}

func read(path string) (config, error) {
	var found config
	text, err := os.ReadFile(path)
	if err != nil {
		return found, err
	}
	return found, json.Unmarshal(text, &found)
}

// A TLS configuration for a listener that ends TLS, nil for another.
func keys(one listener) (*tls.Config, error) {
	if one.Leaf == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair("/etc/lab/tls/"+one.Leaf+".crt", "/etc/lab/tls/"+one.Leaf+".key")
	protocols := one.Alpn
	if len(protocols) == 0 {
		protocols = []string{"http/1.1"}
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: protocols}, err
}

func serve(one listener, secret *tls.Config) {
	network := "tcp"
	if strings.Contains(one.Address, ".") {
		network = "tcp4" // "tcp" would open [::] for 0.0.0.0 (package net, Listen)
	}
	socket, err := net.Listen(network, net.JoinHostPort(one.Address, strconv.Itoa(one.Port)))
	fail(err)
	if secret != nil {
		socket = tls.NewListener(socket, secret)
	}
	server := &http.Server{Handler: http.HandlerFunc(handle)}
	if one.H2c {
		server.Protocols = new(http.Protocols)
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetUnencryptedHTTP2(true)
	}
	go func() { fail(server.Serve(socket)) }()
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	words := os.Args[1:]
	if len(words) == 1 && words[0] == "--version" {
		fmt.Println(runtime.Version())
		return
	}
	found, err := read(words[len(words)-1])
	fail(err)
	for _, one := range found.Listeners {
		secret, err := keys(one)
		fail(err)
		if words[0] != "--check" {
			serve(one, secret)
		}
	}
	if words[0] == "--check" {
		return
	}
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM)
	<-ends
}
