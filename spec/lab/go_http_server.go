// The HTTP server of keepalive.sh and tls_storm.sh in Go: go_http_server ADDRESS [CERTIFICATE KEY]. On SIGTERM it calls
// http.Server.Shutdown.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hello\n")
	})}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	fmt.Println("listening", listener.Addr())
	if len(os.Args) > 3 {
		go server.ServeTLS(listener, os.Args[2], os.Args[3])
	} else {
		go server.Serve(listener)
	}
	<-term
	server.Shutdown(context.Background())
}
