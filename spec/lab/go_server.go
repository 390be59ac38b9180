// The same storm for Go's net/http: on SIGTERM it calls http.Server.Shutdown, as its documentation says.
//
// The clients speak in lines, net/http in HTTP/1.1. Each connection is dressed up for it: the line
// `echo TEXT` is read by net/http as a GET with TEXT in a header, and of what it answers the body alone is
// sent. Accepting, tracking connections and shutting down are its own.
//
// Usage: go_server host:port | [v6]:port | unix:/path
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

type dressedListener struct{ net.Listener }

func (l dressedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &dressedConn{Conn: conn, lines: bufio.NewReader(conn)}, nil
}

type dressedConn struct {
	net.Conn
	lines   *bufio.Reader
	request []byte // of the HTTP request, what has not been read yet
}

func (c *dressedConn) Read(into []byte) (int, error) {
	if len(c.request) == 0 {
		if _, err := c.lines.Peek(1); err != nil {
			return 0, err // net/http reads in the background too, and interrupts that by a deadline
		}
		line, err := c.lines.ReadString('\n')
		if err != nil {
			return 0, err
		}
		text := strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "echo ")
		c.request = []byte("GET / HTTP/1.1\r\nHost: lab\r\nText: " + text + "\r\n\r\n")
	}
	n := copy(into, c.request)
	c.request = c.request[n:]
	return n, nil
}

// A response this small is written in one piece.
func (c *dressedConn) Write(response []byte) (int, error) {
	if end := bytes.Index(response, []byte("\r\n\r\n")); end >= 0 {
		if _, err := c.Conn.Write(response[end+4:]); err != nil {
			return 0, err
		}
		return len(response), nil
	}
	return 0, fmt.Errorf("a response without the end of its header")
}

func listen(address string) (net.Listener, string, error) {
	if path := strings.TrimPrefix(address, "unix:"); path != address {
		listener, err := net.Listen("unix", path)
		return listener, address, err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, "", err
	}
	return listener, listener.Addr().String(), nil
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: go_server host:port | unix:/path")
	}
	listener, name, err := listen(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{
		ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(w, r.Header.Get("Text"))
		}),
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	done := make(chan error)
	go func() {
		<-signals
		limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		done <- server.Shutdown(limit)
	}()
	fmt.Println("listening " + name)
	if err := server.Serve(dressedListener{listener}); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	if err := <-done; err != nil {
		log.Fatal(err)
	}
}
